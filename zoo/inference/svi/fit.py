"""One fit of a guide to batches, in a scope and with the settings of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import pyro

from zoo.data import Batches
from zoo.inference.early_end import despite_interrupt
from zoo.inference.sites import sites_differ
from zoo.inference.svi.checkpoint import TrainerCheckpoint, generator_before_split
from zoo.inference.svi.held_out import hold_out
from zoo.inference.svi.options import SVIOptions
from zoo.inference.svi.trainer import Trainer
from zoo.model import BayesianNetwork
from zoo.posterior.guide_posterior import GuidePosterior
from zoo.posterior.info import SVIInfo
from zoo.posterior.posterior import Posterior
from zoo.runtime.modes import training_mode
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
        self,
        data: Batches,
        checkpoint: TrainerCheckpoint | None,
        init: Posterior | None,
    ) -> GuidePosterior:
        """Fit to batches, from the beginning or from where a checkpoint ends.

        Arguments:
            data: All batches, of which early stopping may hold out a part.
            checkpoint: The file of the run, None for none.
            init: An earlier posterior, at whose point estimates and buffers to start.

        Raises:
            ValueError: The guide was built for another model.
        """
        with generator_before_split(checkpoint):
            train, held_out = hold_out(self.model, data, self.options.early_stopping)

        guide = self._guide_for(train)
        scoped = ScopedGuide(guide)
        trainer = self._trainer(
            self.model,
            scoped,
            train,
            self._options_for(train, guide),
            held_out,
            init={} if init is None else init.state,
            checkpoint=checkpoint,
        )
        with scoped.scope(), self._settings(train):
            self._check_sites()
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
        return Trainer

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
        first_inputs = None if data.x is None else first(data.x, data.size)
        with (
            pyro.validation_enabled(False),
            training_mode(network, self.model.plan.frozen),
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
