"""The file of a sampler's run: written during the run, and read to resume it exactly."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo.inference.mcmc.draws import DrawBlock, TransitionInfo
from zoo.inference.mcmc.potential import Potential
from zoo.inference.run_files import (
    SHARE,
    digest,
    is_plain,
    random_state,
    read_run,
    set_random_state,
)
from zoo.posterior.storage import write_file

# settings in which a resumed run may differ from the run before
_FREE = {"num_samples", "checkpoint", "progress", "compile", "init", "store_on"}
_FORMAT = "2"  # changes when the names in the file change
_KERNEL, _STORE, _DIVERGENCES = "kernel/", "store/", "divergences/"
_WINDOW, _POSITION = "window/", "position"
_WINDOW_INFO = _WINDOW + "info/"


@dataclass(frozen=True)
class Counters:
    """The numbers of a run that a file keeps.

    Arguments:
        done: Draws per chain so far, those of warm-up included.
        seconds_warmup: Wall time of warm-up.
        seconds: Wall time so far.
        num_gradients: Gradient evaluations so far.
        thinning: Draws per stored draw.
        seen: Draws per chain that the store has seen.
        modes: How each traced program of the kernel runs.
    """

    done: int
    seconds_warmup: float
    seconds: float
    num_gradients: int
    thinning: int
    seen: int
    modes: list[str]


@dataclass(frozen=True)
class Snapshot:
    """Everything that is needed to resume a run.

    Arguments:
        counters: Its numbers.
        position: Positions of the chains, (C, P).
        kernel: State of the kernel by name.
        store: Stored draws by name.
        divergences: State of `Divergences` by name.
        window: Draws of the present window of warm-up; None if there are none.
    """

    counters: Counters
    position: Tensor
    kernel: Mapping[str, Tensor]
    store: Mapping[str, Tensor]
    divergences: Mapping[str, Tensor] = field(default_factory=dict)
    window: DrawBlock | None = None


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
        shapes = {name: tuple(shape) for name, shape in potential.shapes.items()}
        data = [part for part in potential.program.data if isinstance(part, Tensor)]
        meaning = {
            **settings,
            "format": _FORMAT,
            "sites": str(shapes),
            "data": digest(data),
        }

        return cls(Path(path), meaning, potential.program.like)

    def read(self) -> Snapshot:
        """Return the snapshot in the file, on the device of the chains."""
        return Snapshot(
            counters=Counters(**self._header["counters"]),
            position=self._tensors[_POSITION].to(self.like.device),
            kernel=self._part(_KERNEL),
            store=self._part(_STORE),
            divergences=self._part(_DIVERGENCES),
            window=self._window(),
        )

    def _window(self) -> DrawBlock | None:
        if _WINDOW + "q" not in self._tensors:
            return None

        q = self._tensors[_WINDOW + "q"].to(self.like.device)

        return DrawBlock(q, TransitionInfo(**self._part(_WINDOW_INFO)))

    def _part(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors under a prefix, by the rest of their names."""
        found = {}
        for name, value in self._tensors.items():
            if name.startswith(prefix):
                found[name.removeprefix(prefix)] = value.to(self.like.device)

        return found

    def check_energy(self, present: Tensor, before: Tensor) -> None:
        """Refuse the file if the model has another potential (C,) at the positions than before."""
        if not torch.allclose(present, before, rtol=1e-3, atol=0.1):
            then = f"{-before.mean():.6g}"
            now = f"{-present.mean():.6g}"
            raise ValueError(
                f"checkpoint {self.path} is of another model: the log joint density at the "
                f"positions of its chains was {then} and is {now} now; delete it, or give "
                "another path"
            )

    def set_random_state(self) -> None:
        """Set the random generators to the state in the file, and free its tensors."""
        set_random_state(self._tensors, self.like)
        self._tensors = {}

    def is_due(self) -> bool:
        """Return whether writing now would take only a small share of the run's time."""
        return time.perf_counter() - self._written >= self._seconds / SHARE

    def write(self, snapshot: Snapshot) -> None:
        """Write the file; if writing fails, the file is as it was."""
        began = time.perf_counter()
        tensors = {_POSITION: snapshot.position, **random_state(self.like)}
        tensors |= _prefixed(_KERNEL, snapshot.kernel)
        tensors |= _prefixed(_STORE, snapshot.store)
        tensors |= _prefixed(_DIVERGENCES, snapshot.divergences)

        if snapshot.window is not None:
            tensors[_WINDOW + "q"] = snapshot.window.q
            tensors |= _prefixed(_WINDOW_INFO, snapshot.window.info.named())

        header = {"meaning": self.meaning, "counters": asdict(snapshot.counters)}
        write_file(self.path, tensors, {"run": json.dumps(header)})
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
        if isinstance(value, Tensor):
            settings[name] = digest([value])
        elif name not in _FREE and is_plain(value):
            settings[name] = str(value)

    return settings


def _prefixed(prefix: str, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Put a prefix before names."""
    return {prefix + name: value for name, value in values.items()}
