"""The random generators that a run draws from: those of torch, Python, NumPy and a loader."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

_GPU = "rng_cuda"  # beginnings of names in the file of a run
_OWN = "rng_own"


class Generators:
    """The generators of a run, whose states are saved with it.

    Arguments:
        device: The device of the run.
        own: Generators that the user gave to a loader.
    """

    def __init__(
        self, device: torch.device, own: Sequence[torch.Generator] = ()
    ) -> None:
        self.device = device
        self.own = own

    @classmethod
    def of_loader(cls, device: torch.device, loader: DataLoader | None) -> Generators:
        """Return the generators of a run that takes its data from a loader, or from none."""
        found: dict[int, torch.Generator] = {}
        places = [loader, getattr(loader, "sampler", None)]
        places.append(getattr(getattr(loader, "batch_sampler", None), "sampler", None))
        for place in places:
            generator = getattr(place, "generator", None)
            if isinstance(generator, torch.Generator):
                found[id(generator)] = generator

        return cls(device, list(found.values()))

    def state(self) -> dict[str, Tensor]:
        """Return the present states, by the names that the file of a run uses."""
        state = {"rng": torch.get_rng_state()} | _state_of_python() | _state_of_numpy()
        if self.device.type == "cuda":
            state[_GPU] = torch.cuda.get_rng_state(self.device)

        for number, generator in enumerate(self.own):
            state[f"{_OWN}{number}"] = generator.get_state()

        return state

    def set(self, state: Mapping[str, Tensor]) -> None:
        """Set the states to those that `state` returned; other tensors are ignored."""
        torch.set_rng_state(state["rng"].cpu())
        _set_python(state)
        _set_numpy(state)
        if _GPU in state and self.device.type == "cuda":
            torch.cuda.set_rng_state(state[_GPU].cpu(), self.device)

        for number, generator in enumerate(self.own):
            name = f"{_OWN}{number}"
            if name in state:
                generator.set_state(state[name].cpu())

    @contextmanager
    def restored(self, if_true: bool) -> Iterator[None]:
        """Restore the present states afterwards, so that the caller's draws go on as before.

        Arguments:
            if_true: Whether to do so, because a run is taken up that has states of its own.
        """
        before = self.state()
        try:
            yield
        finally:
            if if_true:
                self.set(before)


def _state_of_python() -> dict[str, Tensor]:
    """Return the state of Python's generator: its integers, and a number it keeps for later."""
    _, integers, kept = random.getstate()
    return {
        "rng_python": torch.tensor(integers),
        "rng_python_kept": torch.tensor(
            math.nan if kept is None else kept, dtype=torch.float64
        ),
    }


def _set_python(state: Mapping[str, Tensor]) -> None:
    if "rng_python" not in state:
        return

    version = random.getstate()[0]
    kept = state["rng_python_kept"].item()
    integers = tuple(state["rng_python"].tolist())
    random.setstate((version, integers, None if math.isnan(kept) else kept))


def _state_of_numpy() -> dict[str, Tensor]:
    """Return the state of NumPy's global generator."""
    present = np.random.get_state(legacy=False)
    counters = [present["state"]["pos"], present["has_gauss"]]
    return {
        "rng_numpy": torch.tensor(present["state"]["key"].astype(np.int64)),
        "rng_numpy_counters": torch.tensor(counters),
        "rng_numpy_kept": torch.tensor(present["gauss"], dtype=torch.float64),
    }


def _set_numpy(state: Mapping[str, Tensor]) -> None:
    if "rng_numpy" not in state:
        return

    key = state["rng_numpy"].cpu().numpy().astype(np.uint32)
    position, has_kept = state["rng_numpy_counters"].tolist()
    kept = state["rng_numpy_kept"].item()
    np.random.set_state(("MT19937", key, position, has_kept, kept))
