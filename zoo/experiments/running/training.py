"""Training within a budget: a few rates are tried, and the best one has the time that is left."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from zoo.data import Data
from zoo.datasets import Split
from zoo.experiments.running.bounds import bound_values
from zoo.experiments.running.budget import Budget
from zoo.experiments.running.method import Method
from zoo.experiments.running.planning import TrainingPlan, plan_training
from zoo.experiments.running.record import info_values
from zoo.experiments.running.seeded_fits import Build, SeededFits
from zoo.experiments.running.side_files import (
    read_json,
    read_whole,
    write_json,
    written,
)
from zoo.inference.fingerprint import differences
from zoo.inference.run_files import listed
from zoo.posterior.damaged_file import DamagedFile
from zoo.posterior.loading import load
from zoo.posterior.posterior import Posterior
from zoo.runtime.files.atomic import set_aside

_DESCRIPTION = "description"  # of what a fit is of, in its record


@dataclass(frozen=True)
class Training:
    """The settings of one fit of an experiment: its method and its limits.

    Arguments:
        method: The engine, its rates, batches and epochs.
        seconds: The seconds of the processor that the fit may take; infinite for the
            published number of epochs.
        seed: Seed of all random numbers.
        progress: Whether to show progress bars.
    """

    method: Method
    seconds: float
    seed: int = 0
    progress: bool = True

    def fit(
        self,
        build: Build,
        train: Data,
        validation: Split,
        path: Path,
        init: Posterior | None = None,
    ) -> tuple[Posterior, dict[str, Any]]:
        """Fit, or read the fit of an earlier run; return the posterior, and its plan and info.

        The plan is in a file next to the posterior. An interrupted fit is resumed from its
        checkpoint.

        Arguments:
            build: Makes a new model and a new guide.
            train: The training data.
            validation: Data on which learning rates are compared.
            path: The file of the posterior.
            init: An earlier posterior, at which the fit starts; None for none.

        Raises:
            ValueError: The budget is too short, or the files are of another fit.
        """
        fits = SeededFits(build, train, self.method, self.seed, self.progress, init)
        description = fits.description()
        record_path = path.with_suffix(".json")
        plan = _read_plan(record_path, description)

        posterior = read_whole(path, lambda path: load(path, *fits.build_seeded()))
        if posterior is not None:
            known = read_json(record_path) or info_values(posterior.info)
            return posterior, _without_description(known)

        if plan is None:
            plan = self._plan(path.stem, fits, validation)

        record: dict[str, Any] = {"plan": asdict(plan)}
        write_json(record_path, record | {_DESCRIPTION: description})

        checkpoint = path.with_suffix(".run")
        start = time.process_time()
        posterior = _fit_or_begin_again(fits, plan, checkpoint)
        seconds = time.process_time() - start
        record |= info_values(posterior.info)
        record |= {"seconds of processor": round(seconds, 1), "seed": self.seed}
        record |= bound_values(posterior, train)
        write_json(record_path, record | {_DESCRIPTION: description})
        if written(path, lambda: posterior.save(path)):
            checkpoint.unlink(missing_ok=True)

        return posterior, record

    def _plan(self, name: str, fits: SeededFits, validation: Split) -> TrainingPlan:
        """Return the plan of a fit."""
        method = self.method
        epochs = method.epochs_of(full=math.isinf(self.seconds))
        budget = Budget(self.seconds, epochs, method.min_epochs)
        return plan_training(name, fits, validation, budget)


def _read_plan(path: Path, description: Mapping[str, str]) -> TrainingPlan | None:
    """Return the plan in the file of a fit; None if there is none, or if it was damaged.

    Arguments:
        path: The file.
        description: What the present fit is of.

    Raises:
        ValueError: The file is of another fit; the message names in what.
    """
    record = read_json(path)
    if record is None:
        return None

    found = differences(record.get(_DESCRIPTION, description), description)
    if found:
        raise ValueError(
            f"{path} is of another fit: they differ in {listed(found)}; write another --out, or "
            "delete that folder"
        )

    try:
        return TrainingPlan(**record["plan"])
    except (KeyError, TypeError) as error:
        set_aside(path, f"it has no plan: {error}")
        return None


def _fit_or_begin_again(
    fits: SeededFits, plan: TrainingPlan, checkpoint: Path
) -> Posterior:
    """Return a fit that continues from its checkpoint, or begins again if that is damaged."""
    try:
        return fits.run(plan.rate, plan.steps, checkpoint=checkpoint)
    except DamagedFile as error:
        set_aside(checkpoint, str(error))
        return fits.run(plan.rate, plan.steps, checkpoint=checkpoint)


def _without_description(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record without what its fit is of, which no result contains."""
    return {name: value for name, value in record.items() if name != _DESCRIPTION}
