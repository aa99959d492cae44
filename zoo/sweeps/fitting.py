"""One fit of a sweep: from a seed to a record, which says so if the fit failed."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyro

from zoo.experiments.running.record import about
from zoo.posterior.posterior import Posterior
from zoo.runtime.apart import apart
from zoo.runtime.peak_memory import peak_memory, start_counting
from zoo.sweeps.cell import SweepCell
from zoo.sweeps.record import Record
from zoo.sweeps.scoring import Scoring

_MOST_WARNINGS = 5  # that are kept of a fit


@dataclass(frozen=True)
class SweepFit:
    """One fit to make.

    Arguments:
        cell: What is fitted.
        seed: The seed of all its random numbers.
        key: A hash of all that decides about the result.
        scoring: Holds the data, and scores the posterior.
        folder: Where the record is written; None for nowhere.
    """

    cell: SweepCell
    seed: int
    key: str
    scoring: Scoring
    folder: Path | None

    def run(self) -> Record:
        """Fit and score; an error of the cell becomes a record, which is written."""
        result: dict[str, Any]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                result = self._fitted()
            except Exception as error:
                result = {"error": sentence(error)}

        said = list(dict.fromkeys(str(warning.message) for warning in caught))
        record = self.record(warnings=said[:_MOST_WARNINGS], **result)
        if self.folder is not None:
            record.write(self.folder)

        return record

    def record(self, **result: Any) -> Record:
        """Return a record of this task with a result."""
        return Record(self.key, dict(self.cell.labels), self.seed, **result)

    def _fitted(self) -> dict[str, Any]:
        """Return scores, seconds and memory of the fit."""
        with apart(), pyro.get_param_store().scope():
            pyro.set_rng_seed(self.seed)
            start_counting()
            engine = self.cell.build()
            began = time.perf_counter()
            posterior = engine.fit(self.scoring.data.train, **self.cell.fit_options())
            seconds = time.perf_counter() - began
            _raise_if_interrupted(posterior)
            scores = self.scoring.scores(posterior)

        device = posterior.model.first_parameter.device.type
        info = posterior.info
        return {
            "scores": scores,
            "seconds": seconds,
            "memory": peak_memory(device),
            "error": "" if info is None else info.stopped,
            "made": about(device),
        }


def sentence(error: BaseException) -> str:
    """Return the first line of an error; with its class if it is none of ours."""
    first, *_ = str(error).splitlines() or [""]
    is_ours = isinstance(error, (ValueError, FileNotFoundError)) and first
    return first if is_ours else f"{type(error).__name__}: {first}".rstrip(": ")


def _raise_if_interrupted(posterior: Posterior) -> None:
    """End the sweep where Ctrl-C has ended a fit, which kept what it had reached."""
    error = None if posterior.info is None else posterior.info.error
    if isinstance(error, KeyboardInterrupt):
        raise error
