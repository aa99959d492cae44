"""One fit by averages along SGD: a run from the network or a posterior, and its guide."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import torch
from torch import Tensor
from torch.distributions import biject_to

import guides
from zoo.data import Batches
from zoo.inference.svi.fit import Fit
from zoo.inference.svi.trainer import Trainer
from zoo.inference.swag.moments import PathMoments
from zoo.inference.swag.normals import Collected, diagonal_normal, low_rank_normal
from zoo.model import BayesianNetwork
from zoo.posterior import batch_norm
from zoo.posterior.guide_posterior import GuidePosterior
from zoo.posterior.info import SVIInfo
from zoo.posterior.posterior import Posterior
from zoo.runtime.param_scope import ScopedGuide


@dataclass(frozen=True)
class AveragedFit(Fit):
    """A fit of averages along SGD on the negative log posterior.

    Arguments:
        model: The model.
        guide: A `guides.Delta`, which the run moves.
        options: The settings, without those that depend on the data.
        description: The engine in words.
        scale: Factor of the covariance; None for the mean alone.
    """

    scale: float | None

    def to(
        self, data: Batches, path: Path | None, init: Posterior | None
    ) -> GuidePosterior:
        """Fit to batches, from the network or from the means of an earlier posterior."""
        if init is None:
            return super().to(data, path, init)

        started = replace(self, guide=point_at_means(self.model, init))
        return super(AveragedFit, started).to(data, path, init)

    def _posterior(
        self, trainer: Trainer, scoped: ScopedGuide, info: SVIInfo
    ) -> GuidePosterior:
        """Return the posterior of what the run has collected."""
        point = super()._posterior(trainer, scoped, info)
        point.state |= recomputed(point, trainer.data)
        moments = cast(PathMoments, trainer.state.averaging)
        if self.scale is None or moments.num_averaged < 2:
            return point

        collected = _collected(scoped, moments)
        if moments.rank == 0:
            guide = diagonal_normal(self.model, collected, self.scale)
        else:
            guide = low_rank_normal(self.model, collected, self.scale)

        posterior = point.with_guide(guide)
        posterior.batch_form = point.batch_form

        return posterior


def _collected(scoped: ScopedGuide, moments: PathMoments) -> dict[str, Collected]:
    """Return what a run has collected, by site."""
    found = {}
    for number, name in enumerate(scoped.named_parameters()):
        site = name.removeprefix("loc.")
        found[site] = Collected(
            moments.means[number],
            moments.variance(number),
            moments.deviations(number),
        )

    return found


def recomputed(point: GuidePosterior, data: Batches) -> dict[str, Tensor]:
    """Return the statistics of batch normalisation of a point on all data; {} for none."""
    model = point.model
    if not batch_norm.statistics(model.network, model.plan.frozen):
        return {}

    found = batch_norm.recomputed(model, point.sample(1), point.state, data)

    return {name: value[0] for name, value in found.items()}


def point_at_means(model: BayesianNetwork, posterior: Posterior) -> guides.Delta:
    """Return a guide at the means of a posterior.

    Arguments:
        model: The model.
        posterior: A posterior of a model with the same sites.
    """
    guide = guides.Delta(model)
    means = posterior.means()
    with torch.no_grad():
        for name, site in guide.sites.items():
            raw = biject_to(site.support).inv(means[name])
            guide.loc[name].copy_(raw)

    return guide
