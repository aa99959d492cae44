"""The file of a sampler's run: written during the run, and read to resume it exactly."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo.inference.generators import Generators
from zoo.inference.mcmc.running.snapshot import Counters, Snapshot
from zoo.inference.run_files import (
    FORMAT,
    FORMAT_NAME,
    SHARE,
    check_same_run,
    damaged,
    read_run,
    refused_if_damaged,
)
from zoo.inference.run_writer import RunWriter
from zoo.posterior.info import MCMCInfo
from zoo.posterior.info_in_file import statistics
from zoo.posterior.posterior import Posterior
from zoo.posterior.storage import prefixed
from zoo.runtime.description.objects import describe_value

# settings in which a resumed run may differ from the run before
_FREE = {
    "num_samples",
    "checkpoint",
    "progress",
    "compile",
    "store_on",
    "distributed",
    "time_limit",
}
_IN_TARGET = {"model", "temperature", "likelihood_temperature"}


class Checkpoint:
    """The file of a run: its snapshot and the state of the random generators.

    A run that is resumed uses the same random numbers and runs its graphs in the same mode,
    so it ends with the same draws as an uninterrupted one. `num_samples` may be another: with
    more, the run goes on; with fewer, its first draws are returned and the file keeps all.

    Arguments:
        path: The file.
        meaning: What the run is: its settings, sites and data, as text or hashes.
        like: A tensor with the device of the chains.
        own: Generators that the user gave to a loader.

    Raises:
        ValueError: The file is truncated, foreign, or of another run; the message says which.
    """

    def __init__(
        self,
        path: Path,
        meaning: dict[str, str],
        like: Tensor,
        own: Sequence[torch.Generator] = (),
    ) -> None:
        self.path = path
        self.meaning = meaning
        self.like = like
        self._writer = RunWriter(path)
        self._written = 0.0  # when, by time.perf_counter
        self._seconds = 0.0  # that the last writing took
        self._generators = Generators(like.device, own)
        self._header, self._tensors = read_run(path, "a sampler")
        self.exists = bool(self._header)
        if self.exists:
            check_same_run(path, self._header["meaning"], meaning)

    def read(self) -> Snapshot:
        """Return the snapshot in the file, on the device of the chains.

        Raises:
            DamagedFile: The file does not hold the state of such a run.
        """
        with refused_if_damaged(self.path):
            counters = Counters(**self._header["counters"])
            device = self.like.device
            snapshot = Snapshot.from_tensors(self._tensors, counters, device)
            problem = snapshot.problem()

        if problem:
            raise damaged(self.path, problem)

        return snapshot

    def check_energy(self, present: Tensor, before: Tensor) -> None:
        """Refuse the file if the model has another potential (C,) at the positions than before."""
        if not torch.allclose(present, before, rtol=1e-3, atol=0.1):
            then = f"{-before.mean():.6g}"
            now = f"{-present.mean():.6g}"
            raise ValueError(
                f"checkpoint {self.path} is of another model: the log joint density at its "
                f"positions was {then}, but is {now} now; delete it, or give "
                "another path"
            )

    def set_random_state(self) -> None:
        """Set the random generators to the state in the file, and free its tensors."""
        self._generators.set(self._tensors)
        self._tensors = {}

    def is_due(self) -> bool:
        """Return whether writing now would take only a small share of the run's time."""
        since = time.perf_counter() - self._written
        return since >= self._seconds / SHARE

    def write(
        self,
        snapshot: Snapshot,
        flush: Callable[[], bool] | None = None,
        info: MCMCInfo | None = None,
    ) -> None:
        """Write the file; if writing fails, the file is as it was and the run goes on.

        Arguments:
            snapshot: Everything that is needed to resume the run.
            flush: Writes the draws that the snapshot lacks, first, and says whether it could.
            info: Statistics of the run so far, for who reads its draws meanwhile.
        """
        began = time.perf_counter()
        tensors = snapshot.tensors() | self._generators.state()
        counters = asdict(snapshot.counters)
        header = {"meaning": self.meaning, "counters": counters}
        if info is not None:
            plain, of_chains = statistics(info)
            header["info"] = {"info": type(info).__name__, "facts": plain}
            tensors |= prefixed("info/", of_chains)

        if flush is None or flush():
            self._writer.write(tensors, header)

        self._written = time.perf_counter()
        self._seconds = self._written - began


def describe_settings(sampler: str, values: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings that a resumed run must have too, as text.

    Of a posterior that gives the initial positions its class counts. Its draws do not: by
    then the chains have left them.

    Arguments:
        sampler: Name of the sampler.
        values: All settings by name.
    """
    settings = {FORMAT_NAME: FORMAT, "sampler": sampler}
    for name, value in values.items():
        if isinstance(value, Posterior):
            settings[name] = f"a {type(value).__name__}"
        elif name not in _FREE | _IN_TARGET:
            settings[name] = describe_value(value)

    return settings
