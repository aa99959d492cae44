"""The base of all engines of chains: many in one call, storage, files of runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path

import torch
from tqdm.std import tqdm

from zoo.inference.early_end import despite_interrupt
from zoo.inference.generators import Generators
from zoo.inference.mcmc.adaptation.windows import Window
from zoo.inference.mcmc.chain_options import ChainOptions
from zoo.inference.mcmc.density.fixed_density import refuse_changing_density
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.kernels.chains import KernelOptions
from zoo.inference.mcmc.running.checkpoint import Checkpoint, describe_settings
from zoo.inference.mcmc.running.more_chains import (
    ChainGroup,
    divide_chains,
    run_in_turn,
)
from zoo.inference.mcmc.running.results import make_posterior, network_state
from zoo.inference.mcmc.running.run import ChainRun
from zoo.inference.mcmc.running.run_folder import RunFolder
from zoo.inference.mcmc.running.run_options import MakeKernel, RunOptions
from zoo.inference.mcmc.running.shared_chains import (
    check_groups,
    divide_over_ranks,
    gathered,
    initial_draws,
)
from zoo.inference.mcmc.running.shown import Shown
from zoo.inference.mcmc.running.store import StoreOptions
from zoo.inference.mcmc.running.target import describe_target
from zoo.inference.mcmc.sampled_data import SampledData
from zoo.inference.run_writer import claimed
from zoo.inference.time_limit import TimeLimit
from zoo.model import BayesianNetwork
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.runtime.processes import Processes, ended_like_interrupt, joined
from zoo.runtime.progress import bar
from zoo.runtime.subnormals import flush_subnormals
from zoo.runtime.threads import one_if_small


@dataclass(kw_only=True, repr=False, eq=False)
class ChainEngine(ChainOptions):
    """The base of all engines whose result is draws of chains.

    The chains advance together, in one call of one graph, on the model's device. Point
    estimates are refused. Batch normalisation uses its running statistics, and dropout layers
    are off. A member makes a kernel for a potential. The arguments are those of
    `ChainOptions`.
    """

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
        folder = self._folder(ranks)
        if folder is not None:
            with folder.claimed(), generators.restored(if_true=folder.state.is_file()):
                return self._fit(read())

        if ranks is not None:
            return self._share(read, ranks)

        with claimed(self.checkpoint) as path:
            if path is None:
                return self._fit(read())

            with generators.restored(if_true=path.is_file()):
                data = read()
                groups = divide_chains(path, self.num_chains)

                return run_in_turn(groups, partial(self._fit_group, data))

    def _folder(self, ranks: Processes | None = None) -> RunFolder | None:
        """Return the folder of the run, None if it has a file or nothing."""
        folder = RunFolder.of(self.checkpoint)
        if folder is None:
            return None

        takes = folder.takes(self.model, self.max_draws, self.functions_at, ranks)

        return folder if takes else None

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
        limit = TimeLimit(self.time_limit)
        network = None
        if isinstance(self.model, BayesianNetwork):
            network = self.model.network

        with (
            flush_subnormals(),
            one_if_small(network, data.inputs),
            bar(sum(self.num_draws), repr(self), self.progress) as progress,
        ):
            posterior = self._sample(data, self._shown(progress, limit))

        posterior.batch_form = data.form

        return posterior

    def _shown(self, progress: tqdm, limit: TimeLimit) -> Shown:
        """Return what shows the progress of the run."""
        folder = self._folder()
        path = None if folder is None else folder.progress
        about = {"run": repr(self), "warm-up": self.num_draws[0]}

        return Shown(progress, limit, path, about)

    def _sample(self, data: SampledData, shown: Shown) -> DrawsPosterior:
        """Run the chains and return their posterior."""
        shown.say("checking the model")

        potential = Potential(
            self.model, *data.arguments, tempering=self.tempering, dtype=self.dtype
        )
        refuse_changing_density(potential)
        with potential.program.running():
            options = self._run_options(potential, data)
            target = describe_target(self.model, potential, data.described())
            checkpoint = self._open_checkpoint(potential, target, data)
            run = ChainRun(options, potential, checkpoint, shown, target)
            run.go()

        return despite_interrupt(partial(make_posterior, self.model, run))

    def _run_options(self, potential: Potential, data: SampledData) -> RunOptions:
        """Return the settings of the run."""
        folder = self._folder()
        store = StoreOptions(
            self.thinning,
            self.max_draws,
            self.functions_at,
            self.store_on,
            None if folder is None else folder.path,
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

        folder = self._folder()
        path = Path(self.checkpoint) if folder is None else folder.state
        checkpoint = Checkpoint(path, settings | target, like, data.generators)
        is_network = isinstance(self.model, BayesianNetwork)
        if folder is not None and is_network and not checkpoint.exists:
            folder.describe(self.model, network_state(self.model))

        return checkpoint
