"""One fit of a guide to batches, in a scope and with the settings of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyro
import torch
from torch import Tensor

from zoo.data import Batches
from zoo.inference.early_end import despite_interrupt
from zoo.inference.sites import sites_differ
from zoo.inference.svi.all_data import tell_all_data
from zoo.inference.svi.checkpoint import TrainerCheckpoint, generator_before_split
from zoo.inference.svi.held_out import HeldOut, hold_out
from zoo.inference.svi.options import SVIOptions
from zoo.inference.svi.restarts import Restarts
from zoo.inference.svi.shared_trainer import SharedTrainer
from zoo.inference.svi.trainer import Trainer
from zoo.inference.time_limit import TimeLimit
from zoo.model import BayesianNetwork
from zoo.posterior.guide_posterior import GuidePosterior
from zoo.posterior.info import SVIInfo
from zoo.posterior.posterior import Posterior
from zoo.runtime.modes import evaluation_mode, training_mode
from zoo.runtime.param_scope import ScopedGuide
from zoo.runtime.programs import PyroProgram
from zoo.runtime.rows import first
from zoo.runtime.subnormals import flush_subnormals
from zoo.runtime.threads import one_if_small


@dataclass(frozen=True)
class Fit:
    """A fit of a guide.

    Arguments:
        model: The model.
        guide: The guide.
        options: The settings, without those that depend on the data.
        description: The engine in words.
    """

    model: BayesianNetwork
    guide: PyroProgram
    options: SVIOptions
    description: str

    def to(
        self, data: Batches, path: Path | None, init: Posterior | None
    ) -> GuidePosterior:
        """Fit to batches, from the beginning or from where a checkpoint ends.

        Arguments:
            data: All batches, of which early stopping may hold out a part.
            path: The file of the run, None for none. Each restart has a file beside it.
            init: An earlier posterior, at whose point estimates and buffers to start.

        Raises:
            ValueError: The guide was built for another model.
        """
        ranks = self.options.ranks()
        limit = self.options.limit()
        if ranks is not None:
            # every rank splits and permutes alike
            torch.manual_seed(ranks.from_first(int(torch.randint(2**62, ()))))

        first = self._checkpoint(path, data, 0)
        with generator_before_split(first):
            train, held_out = hold_out(self.model, data, self.options.early_stopping)

        scoped = ScopedGuide(self._guide_for(train))
        values = {} if init is None else dict(init.state)
        run = partial(self._run, scoped, train, held_out, limit)
        if self.options.restarts == 1:
            return run(values, first)

        restarts = Restarts(self.model, scoped, values)
        fits = [run(values, first)]
        for number in range(1, self.options.restarts):
            if fits[-1].info.error is not None or limit.has_ended:
                break

            own = self._checkpoint(path, data, number)
            fits.append(run(restarts.begin(), own))

        return restarts.best(fits)

    def _checkpoint(
        self, path: Path | None, data: Batches, number: int
    ) -> TrainerCheckpoint | None:
        """Return the checkpoint of one of several fits, None for none."""
        if path is None:
            return None

        own = path if number == 0 else path.with_name(f"{path.name}.{number}")
        return TrainerCheckpoint(own, data, self.options.early_stopping)

    def _run(
        self,
        scoped: ScopedGuide,
        train: Batches,
        held_out: HeldOut | None,
        limit: TimeLimit,
        init: Mapping[str, Tensor],
        checkpoint: TrainerCheckpoint | None,
    ) -> GuidePosterior:
        """Fit once, from the present parameters of the guide."""
        trainer = self._trainer(
            self.model,
            scoped,
            train,
            self._options_for(train, scoped.guide),
            held_out,
            init=init,
            checkpoint=checkpoint,
            limit=limit,
        )
        with scoped.scope(), self._settings(train):
            self._check_sites()
            tell_all_data(scoped.guide, train, trainer.state.values)
            info = trainer.run()

        return despite_interrupt(partial(self._posterior, trainer, scoped, info))

    def _guide_for(self, data: Batches) -> PyroProgram:
        """Return the program whose parameters are fitted to these batches."""
        return self.guide

    def _options_for(self, data: Batches, guide: PyroProgram) -> SVIOptions:
        """Return the settings of a fit of this program to these batches."""
        return self.options.of_a_run(data, self.description)

    @property
    def _trainer(self) -> type[Trainer]:
        """The loop over gradient steps."""
        is_whole = self.options.accumulate == 1 and self.options.ranks() is None

        return Trainer if is_whole else SharedTrainer

    def _snapshot(self, scoped: ScopedGuide) -> ScopedGuide:
        """Return a copy of the fitted guide."""
        return scoped.snapshot(self.model)

    def _posterior(
        self, trainer: Trainer, scoped: ScopedGuide, info: SVIInfo
    ) -> GuidePosterior:
        """Return copies of everything that a run has fitted."""
        plan, network = self.model.plan, self.model.network
        trained = plan.with_padding(network, trainer.state.copied_values())
        state = trained | self.model.frozen()
        snapshot = self._snapshot(scoped)
        posterior = GuidePosterior(self.model, state=state, info=info, scoped=snapshot)
        posterior.batch_form = trainer.data.form

        return posterior

    @contextmanager
    def _settings(self, data: Batches) -> Iterator[None]:
        """Set the training mode, the threads and the floating-point mode during a fit."""
        network = self.model.network
        mode = training_mode(network, self.model.plan.frozen)
        if self.options.scales_only:
            mode = evaluation_mode(network)

        first_inputs = None if data.x is None else first(data.x, data.size)
        with (
            pyro.validation_enabled(False),
            mode,
            flush_subnormals(),
            one_if_small(network, first_inputs),
        ):
            yield

    def _check_sites(self) -> None:
        model = self.model
        like, inits = model.first_parameter, model.plan.inits(model.network)
        differences = sites_differ(model.latents, self.guide, like, inits)
        if differences:
            raise ValueError(
                f"the guide is of another model: they differ at {differences}; build the guide "
                "with this model"
            )
