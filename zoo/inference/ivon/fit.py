"""One fit of a mean-field normal guide to batches by natural gradients."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import cast

import guides
from zoo.data import Batches
from zoo.inference.ivon.flat import FlatNormal
from zoo.inference.ivon.normal_prior import NormalPrior
from zoo.inference.ivon.optimizer import NaturalAdam
from zoo.inference.ivon.options import NaturalOptions
from zoo.inference.ivon.trainer import NaturalTrainer
from zoo.inference.svi.fit import Fit
from zoo.inference.svi.options import SVIOptions
from zoo.inference.svi.trainer import Trainer
from zoo.runtime.param_scope import ScopedGuide
from zoo.runtime.programs import PyroProgram


@dataclass(frozen=True)
class NaturalFit(Fit):
    """A fit by natural gradients.

    Arguments:
        model: The model.
        guide: A guide at its initial means, which gets the fitted ones.
        options: The settings, without those that depend on the data.
        description: The engine in words.
        natural: The settings of the update.
    """

    natural: NaturalOptions

    def _guide_for(self, data: Batches) -> PyroProgram:
        """Return the flat means and scales that are fitted in place of the guide's."""
        guide = cast(guides.MeanField, self.guide)
        prior = NormalPrior.of(self.model, guide, data.num_data)
        tempering = self.options.tempering
        ess = data.num_data / tempering.whole

        return FlatNormal(
            guide, prior, self.natural.hess_init, ess, tempering.likelihood
        )

    def _options_for(self, data: Batches, guide: PyroProgram) -> SVIOptions:
        """Return the settings of a run, with the optimiser of natural gradients."""
        options = super()._options_for(data, guide)
        optimizer = partial(
            NaturalAdam,
            flat=guide,
            natural=self.natural,
            is_product=options.num_particles > 1,
            num_steps=options.total_steps,
        )

        return replace(options, optimizer=optimizer)

    @property
    def _trainer(self) -> type[Trainer]:
        return NaturalTrainer

    def _snapshot(self, scoped: ScopedGuide) -> ScopedGuide:
        """Return a copy of the guide with the fitted means and scales."""
        flat = cast(FlatNormal, scoped.guide)

        return ScopedGuide(flat.give()).snapshot(self.model)

    def _check_sites(self) -> None:
        """Check nothing: the guide is made from the model."""
