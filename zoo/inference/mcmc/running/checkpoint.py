"""The file of a sampler's run: written during the run, and read to resume it exactly."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.running.snapshot import Counters, Snapshot
from zoo.inference.run_files import (
    SHARE,
    digest,
    is_plain,
    random_state,
    read_run,
    set_random_state,
)
from zoo.posterior.storage import write_file
from zoo.runtime.rows import tensors_of

# settings in which a resumed run may differ from the run before
_FREE = {"num_samples", "checkpoint", "progress", "compile", "init", "store_on"}
_FORMAT = "2"  # changes when the names in the file change


class Checkpoint:
    """The file of a run: its snapshot and the state of the random generators.

    A run that is resumed uses the same random numbers and runs its graphs in the same mode,
    so it ends with the same draws as an uninterrupted one. `num_samples` may be larger than
    before.

    Arguments:
        path: The file.
        meaning: What the run is: its settings, sites and data, as text or hashes.
        like: A tensor with the device of the chains.

    Raises:
        ValueError: The file is truncated, foreign, or of another run; the message says which.
    """

    def __init__(self, path: Path, meaning: dict[str, str], like: Tensor) -> None:
        self.path = path
        self.meaning = meaning
        self.like = like
        self._written = 0.0  # when, by time.perf_counter
        self._seconds = 0.0  # that the last writing took
        self._header, self._tensors = read_run(path, meaning, "a sampler")
        self.exists = bool(self._header)

    @classmethod
    def of(
        cls, path: str | Path, settings: Mapping[str, str], potential: Potential
    ) -> Checkpoint:
        """Return the checkpoint of a run.

        Arguments:
            path: The file.
            settings: The settings that a resumed run must have too.
            potential: What is sampled.
        """
        program = potential.program
        shapes = {name: tuple(shape) for name, shape in potential.shapes.items()}
        data = tensors_of(program.data)

        meaning = {
            **settings,
            "format": _FORMAT,
            "sites": str(shapes),
            "data": digest(data),
        }

        return cls(Path(path), meaning, program.like)

    def read(self) -> Snapshot:
        """Return the snapshot in the file, on the device of the chains."""
        counters = Counters(**self._header["counters"])
        return Snapshot.from_tensors(self._tensors, counters, self.like.device)

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
        set_random_state(self._tensors, self.like)
        self._tensors = {}

    def is_due(self) -> bool:
        """Return whether writing now would take only a small share of the run's time."""
        since = time.perf_counter() - self._written
        return since >= self._seconds / SHARE

    def write(self, snapshot: Snapshot) -> None:
        """Write the file; if writing fails, the file is as it was."""
        began = time.perf_counter()
        tensors = snapshot.tensors() | random_state(self.like)
        counters = asdict(snapshot.counters)
        header = {"meaning": self.meaning, "counters": counters}
        text = json.dumps(header)

        write_file(self.path, tensors, {"run": text})
        self._written = time.perf_counter()
        self._seconds = self._written - began


def fixed_settings(sampler: str, values: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings that a resumed run must have too, as text.

    Arguments:
        sampler: Name of the sampler.
        values: All settings by name.
    """
    settings = {"sampler": sampler}
    for name, value in values.items():
        if name == "functions_at" and value is not None:
            settings[name] = digest(tensors_of(value))
        elif name not in _FREE and is_plain(value):
            settings[name] = str(value)

    return settings
