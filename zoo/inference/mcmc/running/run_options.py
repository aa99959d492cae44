"""The settings of a sampler's run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from zoo.inference.mcmc.adaptation.windows import Window
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.kernels.chains import Chains, KernelOptions
from zoo.inference.mcmc.running.store import StoreOptions
from zoo.inference.tempering import Tempering
from zoo.posterior.posterior import Posterior

MakeKernel = Callable[[Potential, Tensor, KernelOptions], Chains]


@dataclass(frozen=True)
class RunOptions:
    """Settings of a run.

    Arguments:
        sampler: What samples, e.g. "NUTS(4 chains, 500 + 500 draws)".
        num_chains: Number of chains C.
        num_samples: Draws per chain after warm-up.
        windows: The windows of warm-up.
        init: Initial positions, as in `Sampler`.
        tempering: Temperatures of the target.
        make_kernel: Makes the kernel for chains at q (C, P).
        kernel: Settings of the kernel.
        store: What to store.
        block: Largest number of draws between two checkpoints; None for the usual one.
        skipped: Numbers of the first draws of blocks that are not stored although warm-up has
            ended, those of warm-up included in the count.
    """

    sampler: str
    num_chains: int
    num_samples: int
    windows: Sequence[Window]
    init: str | Posterior
    tempering: Tempering
    make_kernel: MakeKernel
    kernel: KernelOptions
    store: StoreOptions
    block: int | None = None
    skipped: frozenset[int] = frozenset()

    @property
    def warmup_steps(self) -> int:
        """Draws per chain in warm-up."""
        return sum(window.num_draws for window in self.windows)

    @property
    def num_draws(self) -> int:
        """Draws per chain in all."""
        return self.warmup_steps + self.num_samples

    def window_ends(self) -> dict[int, bool]:
        """Return whether the kernel learns from a window, by the number of draws at its end."""
        ends = {}

        total = 0
        for window in self.windows:
            total += window.num_draws
            ends[total] = window.learns

        return ends
