"""What a run saves, and what it is restored from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.inference.mcmc.kernels.draws import DrawBlock, TransitionInfo
from zoo.posterior.storage import prefixed, unprefixed

_POSITION = "position"
_WINDOW_Q = "window/q"
_KERNEL, _STORE = "kernel/", "store/"  # prefixes
_DIVERGENCES, _ENERGIES = "divergences/", "energies/"
_LOG_DENSITIES = "log densities/"
_WINDOW_INFO = "window/info/"


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
        store: Stored draws by name; those from a file are on the CPU.
        divergences: State of `Divergences` by name.
        energies: State of `Energies` by name.
        log_densities: State of `LogDensities` by name.
        window: Draws of the present window of warm-up; None if there are none.
    """

    counters: Counters
    position: Tensor
    kernel: Mapping[str, Tensor]
    store: Mapping[str, Tensor]
    divergences: Mapping[str, Tensor]
    energies: Mapping[str, Tensor]
    log_densities: Mapping[str, Tensor]
    window: DrawBlock | None

    def tensors(self) -> dict[str, Tensor]:
        """Return all tensors under the names that they have in the file."""
        tensors = {_POSITION: self.position}
        tensors |= prefixed(_KERNEL, self.kernel)
        tensors |= prefixed(_STORE, self.store)
        tensors |= prefixed(_DIVERGENCES, self.divergences)
        tensors |= prefixed(_ENERGIES, self.energies)
        tensors |= prefixed(_LOG_DENSITIES, self.log_densities)

        if self.window is not None:
            tensors[_WINDOW_Q] = self.window.q
            tensors |= prefixed(_WINDOW_INFO, self.window.info.named())

        return tensors

    def problem(self) -> str:
        """Say what is wrong with a snapshot from a file; "" if nothing is."""
        counters = self.counters
        is_count = counters.thinning >= 1 and 0 <= counters.seen <= counters.done
        if not is_count:
            return (
                f"its counts are no counts: {counters.done} draws, {counters.seen} seen by "
                f"the store, of which one in {counters.thinning} is stored"
            )

        number = -(-counters.seen // counters.thinning)
        expected = (len(self.position), number)
        for name, value in self.store.items():
            if value.shape[:2] != expected:
                return f"{name} has shape {tuple(value.shape)}, not {expected} draws"
            if name.startswith("draw/") and not bool(torch.isfinite(value).all()):
                return f"{name} holds NaN or infinite values"

        is_finite = bool(torch.isfinite(self.position).all())
        return "" if is_finite else "the positions hold NaN or infinite values"

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, Tensor], counters: Counters, device: torch.device
    ) -> Snapshot:
        """Return the snapshot of tensors in a file, on the device of the chains."""
        moved = {}
        for name, value in tensors.items():
            if not name.startswith(_STORE):
                moved[name] = value.to(device)

        window = None
        if _WINDOW_Q in moved:
            info = TransitionInfo(**unprefixed(_WINDOW_INFO, moved))
            window = DrawBlock(moved[_WINDOW_Q], info)

        return cls(
            counters=counters,
            position=moved[_POSITION],
            kernel=unprefixed(_KERNEL, moved),
            store=unprefixed(_STORE, tensors),
            divergences=unprefixed(_DIVERGENCES, moved),
            energies=unprefixed(_ENERGIES, moved),
            log_densities=unprefixed(_LOG_DENSITIES, moved),
            window=window,
        )
