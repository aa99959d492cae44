"""The base of all engines of chains: many in one call, storage, files of runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self

import torch
from tqdm.std import tqdm

from zoo.inference.early_end import despite_interrupt
from zoo.inference.generators import Generators
from zoo.inference.mcmc.adaptation.windows import Window
from zoo.inference.mcmc.arguments import check_device, check_dtype, refuse_other_names
from zoo.inference.mcmc.density.fixed_density import refuse_changing_density
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.kernels.chains import KernelOptions
from zoo.inference.mcmc.running.checkpoint import Checkpoint, describe_settings
from zoo.inference.mcmc.running.initialisation import INITS
from zoo.inference.mcmc.running.more_chains import (
    ChainGroup,
    divide_chains,
    run_in_turn,
)
from zoo.inference.mcmc.running.results import make_posterior
from zoo.inference.mcmc.running.run import ChainRun
from zoo.inference.mcmc.running.run_options import MakeKernel, RunOptions
from zoo.inference.mcmc.running.shared_chains import (
    check_groups,
    divide_over_ranks,
    gathered,
    initial_draws,
)
from zoo.inference.mcmc.running.store import StoreOptions
from zoo.inference.mcmc.running.target import describe_target
from zoo.inference.mcmc.sampled_data import SampledData
from zoo.inference.reparameterised import as_network
from zoo.inference.run_writer import claimed
from zoo.inference.tempering import Tempering
from zoo.model import BayesianNetwork
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.posterior import Posterior
from zoo.runtime.as_tensors import as_tensors
from zoo.runtime.counts import check_count
from zoo.runtime.processes import Processes, ended_like_interrupt, joined
from zoo.runtime.programs import PyroProgram
from zoo.runtime.progress import bar
from zoo.runtime.rows import Rows
from zoo.runtime.subnormals import flush_subnormals
from zoo.runtime.threads import one_if_small
from zoo.tracing.mode import mode_name


@dataclass(kw_only=True, repr=False, eq=False)
class ChainEngine:
    """The base of all engines whose result is draws of chains.

    The chains advance together, in one call of one graph, on the model's device. Point
    estimates are refused. Batch normalisation uses its running statistics, and dropout layers
    are off. A member makes a kernel for a potential.

    Arguments:
        model: A model without point estimates: one of the zoo's, or any Pyro model with
            continuous sites.
        num_chains: Number of chains C.
        init: Initial positions: "map", a prior draw after a short optimisation, for each chain
            its own; "prior", a prior draw; "network", the network's own weights; or draws of
            a `Posterior`, e.g. from SVI.
        thinning: One in this many draws is stored.
        max_draws: Largest number of stored draws per chain. If there are more, every second
            one is dropped, repeatedly; None stores all.
        functions_at: Inputs (N, ...) at which the network's outputs are stored instead of its
            weights.
        store_on: Device on which draws are stored, that of the model by default; "cpu" saves
            memory of a GPU.
        dtype: Precision of the chains, that of the model by default; torch.float64 for
            ill-conditioned targets.
        temperature: Temperature T of the whole posterior: draws are from a distribution
            proportional to p(y, z)^(1/T).
        likelihood_temperature: Temperature T_l of the likelihood alone.
        checkpoint: File of the run, which is resumed if it exists. With fewer draws than it has,
            the first ones are returned; with more chains, new ones have a file of their own.
        compile: How graphs run: "auto" chooses the fastest mode, True compiles, False only
            traces, "plain" runs the program itself.
        distributed: Whether the processes that torchrun has started share the chains, by
            default if there are several. Each adapts on its own chains, so they are equal
            in law to those of one process, and the first one returns them all.
        progress: Whether to show a progress bar.
    """

    model: BayesianNetwork | PyroProgram = field(kw_only=False)
    num_chains: int = 4
    init: Literal["map", "network", "prior"] | Posterior = "map"
    thinning: int = 1
    max_draws: int | None = None
    functions_at: Rows | None = None
    store_on: str | torch.device | None = None
    dtype: torch.dtype | None = None
    temperature: float = 1.0
    likelihood_temperature: float = 1.0
    checkpoint: str | Path | None = None
    compile: bool | str = "auto"
    distributed: bool | None = None
    progress: bool = True

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Refuse names of arguments from other libraries before `__init__` does."""
        names = [part.name for part in fields(cls)]
        refuse_other_names(cls.__name__, kwargs, names)

        return super().__new__(cls)

    def __post_init__(self) -> None:
        self.model = as_network(self.model)
        check_count("num_chains", self.num_chains)
        check_count("thinning", self.thinning)

        if self.max_draws is not None:
            check_count("max_draws", self.max_draws, minimum=2)

        if not isinstance(self.init, Posterior) and self.init not in INITS:
            names = ", ".join(map(repr, INITS))
            raise ValueError(
                f"init must be one of {names}, or a Posterior, not {self.init!r}"
            )

        is_network = isinstance(self.model, BayesianNetwork)
        if self.functions_at is not None and not is_network:
            raise ValueError(
                "functions_at needs a BayesianNetwork; for other models the values of the "
                "sites are stored, so omit functions_at"
            )

        if self.functions_at is not None:
            self.functions_at = as_tensors(self.functions_at)

        mode_name(self.compile)
        check_dtype(self.dtype)

        if self.store_on is not None:
            check_device("store_on", self.store_on)

        self.tempering = Tempering(self.temperature, self.likelihood_temperature)

    def kernel_maker(self, data: SampledData) -> MakeKernel:
        """Return the function that makes the kernel for chains with initial positions."""
        raise NotImplementedError

    def windows(self) -> Sequence[Window]:
        """Divide warm-up into windows."""
        raise NotImplementedError

    @property
    def num_draws(self) -> tuple[int, int]:
        """Draws of each chain in warm-up and after it."""
        raise NotImplementedError

    @property
    def calls(self) -> int:
        """Estimate the gradient evaluations of the whole run."""
        raise NotImplementedError

    def kernel_options(self, potential: Potential) -> KernelOptions:
        """Return the settings of the kernel."""
        return KernelOptions(compile=self.compile, calls=self.calls)

    def run(
        self, read: Callable[[], SampledData], generators: Generators
    ) -> DrawsPosterior:
        """Read the data and run the chains, those of each file in turn.

        Arguments:
            read: Returns the data.
            generators: The generators of the run; what reading draws of a resumed run is
                undone.
        """
        ranks = joined(self.distributed)
        if ranks is not None:
            return self._share(read, ranks)

        with claimed(self.checkpoint) as path:
            if path is None:
                return self._fit(read())

            with generators.restored(if_true=path.is_file()):
                data = read()
                groups = divide_chains(path, self.num_chains)

                return run_in_turn(groups, partial(self._fit_group, data))

    def _share(
        self, read: Callable[[], SampledData], ranks: Processes
    ) -> DrawsPosterior:
        """Run the chains of this process, and return those of all in the first one."""
        path = None if self.checkpoint is None else Path(self.checkpoint)
        groups = divide_over_ranks(path, self.num_chains, ranks.size)
        check_groups(groups, lambda size: replace(self, num_chains=size))
        chains = [[(group.first, group.size) for group in own] for own in groups]
        ranks.check_equal({"the sampler": repr(self), "the list of chains": chains})
        own = groups[ranks.rank]
        seed = ranks.from_first(int(torch.randint(2**62, ())))
        engine = replace(self, progress=self.progress and ranks.is_first)
        with ended_like_interrupt(ranks), claimed(own[0].path):
            torch.manual_seed(seed)
            data = read()
            torch.manual_seed(seed + 1 + ranks.rank)
            posterior = run_in_turn(
                own, partial(engine._fit_own, data, self.num_chains)
            )
            found = despite_interrupt(partial(gathered, posterior, ranks))

        torch.manual_seed(seed)
        return found

    def _fit_own(
        self, data: SampledData, num_chains: int, group: ChainGroup
    ) -> DrawsPosterior:
        """Run a group of all chains, which begin at different positions."""
        init = initial_draws(self.init, group, num_chains)

        return replace(self, init=init)._fit_group(data, group)

    def _fit_group(self, data: SampledData, group: ChainGroup) -> DrawsPosterior:
        """Run chains that advance together."""
        return replace(self, checkpoint=group.path, num_chains=group.size)._fit(data)

    def _fit(self, data: SampledData) -> DrawsPosterior:
        """Run the chains of one file, or those without a file."""
        began = time.perf_counter()
        network = None
        if isinstance(self.model, BayesianNetwork):
            network = self.model.network

        with (
            flush_subnormals(),
            one_if_small(network, data.inputs),
            bar(sum(self.num_draws), repr(self), self.progress) as progress,
        ):
            posterior = self._sample(data, progress, began)

        posterior.batch_form = data.form

        return posterior

    def _sample(
        self, data: SampledData, progress: tqdm, began: float
    ) -> DrawsPosterior:
        """Run the chains and return their posterior."""
        progress.set_postfix_str("checking the model")

        potential = Potential(
            self.model, *data.arguments, tempering=self.tempering, dtype=self.dtype
        )
        refuse_changing_density(potential)
        with potential.program.running():
            options = self._run_options(potential, data)
            target = describe_target(self.model, potential, data.described())
            checkpoint = self._open_checkpoint(potential, target, data)
            run = ChainRun(options, potential, checkpoint, progress, began)
            run.go()

        return despite_interrupt(partial(make_posterior, self.model, run, target))

    def _run_options(self, potential: Potential, data: SampledData) -> RunOptions:
        """Return the settings of the run."""
        store = StoreOptions(
            self.thinning, self.max_draws, self.functions_at, self.store_on
        )
        return RunOptions(
            sampler=repr(self),
            num_chains=self.num_chains,
            num_samples=self.num_draws[1],
            windows=self.windows(),
            init=self.init,
            tempering=self.tempering,
            make_kernel=self.kernel_maker(data),
            kernel=self.kernel_options(potential),
            store=store,
        )

    def _open_checkpoint(
        self, potential: Potential, target: dict[str, str], data: SampledData
    ) -> Checkpoint | None:
        """Return the file of the run, None if there is none."""
        if self.checkpoint is None:
            return None

        values = {part.name: getattr(self, part.name) for part in fields(self)}
        settings = describe_settings(type(self).__name__, values)
        like = potential.program.like
        settings["dtype"] = str(like.dtype)

        return Checkpoint(
            Path(self.checkpoint), settings | target, like, data.generators
        )
