"""The base of all samplers, which evaluate the gradient of all data: warm-up and draws."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from zoo.inference.all_data_engine import AllDataEngine
from zoo.inference.generators import Generators
from zoo.inference.mcmc.adaptation.windows import Window, stan_windows
from zoo.inference.mcmc.chain_engine import ChainEngine
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.kernels.chains import Chains, KernelOptions
from zoo.inference.mcmc.running.run_options import MakeKernel
from zoo.inference.mcmc.sampled_data import SampledData, device_of
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.runtime.counts import check_count


@dataclass(kw_only=True, repr=False, eq=False)
class Sampler(AllDataEngine, ChainEngine):
    """The base of all samplers: a member makes a kernel for a potential.

    Arguments:
        warmup_steps: Draws per chain before sampling, in which the kernel adapts.
        num_samples: Draws per chain S after warm-up.
    """

    warmup_steps: int = 500
    num_samples: int = 500

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count("num_samples", self.num_samples)
        check_count("warmup_steps", self.warmup_steps, minimum=0)

    def kernel(self, potential: Potential, q: Tensor, options: KernelOptions) -> Chains:
        """Make the kernel for chains with initial positions q (C, P)."""
        raise NotImplementedError

    def kernel_maker(self, data: SampledData) -> MakeKernel:
        """Return the function that makes the kernel for chains with initial positions."""
        return self.kernel

    @property
    def num_draws(self) -> tuple[int, int]:
        """Draws of each chain in warm-up and after it."""
        return self.warmup_steps, self.num_samples

    def steps_per_draw(self) -> int:
        """Estimate the gradient evaluations of one draw, by which "auto" decides to compile."""
        return 1

    @property
    def calls(self) -> int:
        """Estimate the gradient evaluations of the whole run."""
        return (self.warmup_steps + self.num_samples) * self.steps_per_draw()

    def windows(self) -> Sequence[Window]:
        """Divide warm-up into windows."""
        return stan_windows(self.warmup_steps)

    def _fit_to(self, read: Callable[[], SampledData]) -> DrawsPosterior:
        """Run the chains, or those that the files of the checkpoint lack."""
        return self.run(read, Generators(device_of(self.model)))

    def __repr__(self) -> str:
        kind = type(self).__name__
        draws = f"{self.warmup_steps} + {self.num_samples} draws"

        return f"{kind}({self.num_chains} chains, {draws})"
