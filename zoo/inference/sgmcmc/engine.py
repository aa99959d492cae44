"""The base of the engines of stochastic-gradient MCMC: epochs, learning rates, burn-in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

from torch.utils.data import DataLoader

from zoo.data import Columns, Data
from zoo.inference.generators import Generators
from zoo.inference.mcmc.adaptation.windows import Window
from zoo.inference.mcmc.chain_engine import ChainEngine
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.kernels.chains import KernelOptions
from zoo.inference.mcmc.running.run_options import MakeKernel, RunOptions
from zoo.inference.mcmc.sampled_data import SampledData, device_of
from zoo.inference.sgmcmc.batched_data import BatchedData, batched_data
from zoo.inference.sgmcmc.caveats import caveat
from zoo.inference.sgmcmc.epoch_options import EpochOptions
from zoo.inference.sgmcmc.kernel import EpochKernel
from zoo.inference.sgmcmc.moments import Adaptation
from zoo.inference.sgmcmc.step_sizes import StepSizes
from zoo.inference.svi.arguments import checked_rate
from zoo.model import BayesianNetwork
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.posterior import Posterior
from zoo.runtime.autograd import autograd_on
from zoo.runtime.counts import check_count
from zoo.runtime.rows import Column
from zoo.runtime.turn import turn

_LARGEST = 0.5  # learning rate times curvature, by default


@dataclass(kw_only=True, repr=False, eq=False)
class StochasticEngine(ChainEngine):
    """The base of engines that sample with the gradients of batches.

    Arguments:
        num_epochs: Passes through the data, burn-in included; each after it gives draws.
        draws_per_epoch: Number of draws in such a pass, after equal parts of its steps.
        lr: Learning rate of the mean gradient of a datum. None takes the usual one, and lowers
            it in burn-in to half of one over the largest curvature per datum, after which it
            stays; one that is given is taken as it is.
        burn_in: Passes that give no draw; half of them by default, with cycles none besides
            their explorations.
        decay: Exponent by which the learning rate falls, (1 + epochs)^(-decay); 0 keeps it
            constant. The draws count equally.
        cycles: Number of cycles, in each of which the learning rate falls from `lr` to 0 as
            half a cosine; 0 for none.
        explore: Share of each cycle that explores: without noise, and without draws.
        preconditioner: Whether each parameter of each chain has a step size of its own, from
            the mean square of its gradients (RMSprop). It is learned in burn-in and fixed
            after it, and so it adds no bias; a method that goes on learning has one.
        control: A posterior near the mode, whose mean is the centre of control variates,
            which take noise from the gradients; the chains begin at its draws.
        num_chains: Number of chains C, which see the same batches.
        init: Initial positions, as for samplers; None for the draws of `control`, or else
            for the network's own weights.
    """

    num_epochs: int = 60
    draws_per_epoch: int = 1
    lr: float | None = None
    burn_in: int | None = None
    decay: float = 0.0
    cycles: int = 0
    explore: float = 0.5
    preconditioner: bool = False
    control: Posterior | None = None
    num_chains: int = 1
    init: Any = None
    kernel_type: ClassVar[type[EpochKernel]]
    usual_lr: ClassVar[float]

    def __post_init__(self) -> None:
        if self.init is None:
            self.init = "network" if self.control is None else self.control

        super().__post_init__()
        check_count("num_epochs", self.num_epochs)
        check_count("draws_per_epoch", self.draws_per_epoch)
        check_count("cycles", self.cycles, minimum=0)
        checked_rate(self.usual_lr if self.lr is None else self.lr)
        if self.burn_in is not None:
            check_count("burn_in", self.burn_in, minimum=0)

        if not self.decay >= 0:
            raise ValueError(
                f"decay must be an exponent, at least 0, not {self.decay}; write 0.0 for a "
                "constant learning rate"
            )

        if self.cycles > 0 and self.decay > 0:
            raise ValueError(
                f"decay={self.decay} is of a learning rate without cycles; omit it, or write "
                "cycles=0"
            )

        if not 0 <= self.explore < 1:
            raise ValueError(
                f"explore must be a share of a cycle, from 0 to below 1, not {self.explore}"
            )

        if not self.steps.kept:
            raise ValueError(
                f"num_epochs={self.num_epochs} leaves no draw after burn-in and exploration; "
                "write more epochs, or a smaller burn_in"
            )

        if self.preconditioner and self.num_draws[0] == 0:
            raise ValueError(
                "a preconditioner is learned in burn-in, of which there is none; write "
                "burn_in=10 or more"
            )

    @property
    def steps(self) -> StepSizes:
        """The learning rates of the run."""
        burn_in = self.burn_in
        if burn_in is None:
            burn_in = self.num_epochs // 2 if self.cycles == 0 else 0

        return StepSizes(
            self.num_epochs,
            self.usual_lr if self.lr is None else self.lr,
            self.decay,
            self.cycles,
            self.explore,
            burn_in,
        )

    @property
    def num_draws(self) -> tuple[int, int]:
        """Draws that could be made in the epochs before the first kept one, and from it on."""
        first, each = self.steps.kept[0], self.draws_per_epoch
        return first * each, (self.num_epochs - first) * each

    @property
    def calls(self) -> int:
        """Estimate the steps of the run without its data; `kernel_maker` knows their number."""
        return self.num_epochs

    def windows(self) -> Sequence[Window]:
        """Return the burn-in as one window."""
        return [Window(self.num_draws[0], learns=False)]

    def kernel_maker(self, data: SampledData) -> MakeKernel:
        """Return the function that makes the kernel for chains with initial positions."""
        return partial(self.kernel_type, settings=self.settings(data))

    @property
    def assumes_white_noise(self) -> bool:
        """Whether the method is exact only for batches that are independent of each other."""
        return False

    def settings(self, data: SampledData) -> EpochOptions:
        """Return the settings of the kernel."""
        assert isinstance(data, BatchedData)
        if self.draws_per_epoch > data.per_epoch:
            raise ValueError(
                f"draws_per_epoch={self.draws_per_epoch} is more than the {data.per_epoch} steps "
                "of an epoch; write fewer, or a smaller batch_size"
            )

        return EpochOptions(
            replace(data, is_independent=self.assumes_white_noise),
            self.steps,
            self.temperature,
            learned=Adaptation(self.preconditioner),
            largest=_LARGEST if self.lr is None else None,
            control=self.control,
            caveat=caveat(self.model, data),
            parts=self.draws_per_epoch,
        )

    def _run_options(self, potential: Potential, data: SampledData) -> RunOptions:
        """Return the settings of the run."""
        assert isinstance(data, BatchedData)
        options = super()._run_options(potential, data)
        calls = self.num_epochs * data.per_epoch
        kernel = KernelOptions(compile=self.compile, calls=calls)
        kept, each = self.steps.kept, self.draws_per_epoch
        skipped = set(range(kept[0], self.num_epochs)) - set(kept)
        between = frozenset(epoch * each for epoch in skipped)

        return replace(options, kernel=kernel, block=each, skipped=between)

    @turn()
    @autograd_on()
    def fit(
        self,
        data: Data | tuple[Any, ...],
        batch_size: int | None = None,
        *,
        target: str | None = None,
        weights: Column | None = None,
        num_data: int | None = None,
        **given: Column,
    ) -> DrawsPosterior:
        """Sample the posterior with the gradients of batches.

        Arguments:
            data: A pair (x, y) of tensors, arrays or tables, where x may be a tuple or a
                mapping of several inputs; a data set; a `DataLoader`; see `zoo.data.Data`. For
                a Pyro model that is not one of the zoo's, the tuple of its arguments.
            batch_size: Size B of a batch of tensors; by default all data at once.
            target: Key of the target in data, or batches of a loader, that are mappings.
            weights: Weight of each datum, (N,), which multiplies its log density; or
                booleans that say which data are observed; or a key, as for `target`.
            num_data: Number of data N, if rows are copies of others.
            given: Known quantities of each datum that the likelihood asks for, (N, ...),
                such as `scale` for `Gaussian(scale="given")`; or keys.

        Raises:
            ValueError: The data do not fit the model; the model has point estimates or
                discrete sites; the checkpoint is of another run.
            TypeError: A known quantity that the likelihood does not ask for.
        """
        columns = None
        if isinstance(self.model, BayesianNetwork):
            columns = Columns.of(self.model, target, weights, given)

        loader = data if isinstance(data, DataLoader) else None
        generators = Generators.of_loader(device_of(self.model), loader)
        read = partial(
            batched_data, self.model, data, batch_size, columns, num_data, generators
        )

        return self.run(read, generators)

    def __repr__(self) -> str:
        kind = type(self).__name__
        number = self.num_chains
        chains = "1 chain" if number == 1 else f"{number} chains"

        return f"{kind}({chains}, {self.num_epochs} epochs)"
