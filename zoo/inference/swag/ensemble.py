"""The points of one run of SGD as a posterior of equally weighted draws."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch

import guides
from zoo.data import Batches
from zoo.inference.svi.trainer import Trainer
from zoo.inference.swag.fit import AveragedFit, recomputed
from zoo.inference.swag.moments import PathMoments
from zoo.model import BayesianNetwork
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.guide_posterior import GuidePosterior
from zoo.posterior.info import SVIInfo
from zoo.posterior.posterior import Posterior
from zoo.runtime.param_scope import ScopedGuide


@dataclass(frozen=True)
class PointsFit(AveragedFit):
    """A run of SGD whose posterior is the mixture of the points that it has collected."""

    def _posterior(
        self, trainer: Trainer, scoped: ScopedGuide, info: SVIInfo
    ) -> GuidePosterior:
        """Return the mixture of all points, of the present one alone if there is none."""
        point = super(AveragedFit, self)._posterior(trainer, scoped, info)
        moments = cast(PathMoments, trainer.state.averaging)
        if moments.num_kept == 0:
            return point

        posterior = point.with_guide(_mixture(self.model, scoped, moments))
        posterior.batch_form = point.batch_form

        return posterior


@dataclass(frozen=True)
class EnsembleFit:
    """A fit whose posterior has the points that a run has collected, each once.

    Arguments:
        run: The run, whose posterior is a mixture of these points.
    """

    run: PointsFit

    def to(
        self, data: Batches, path: Path | None, init: Posterior | None
    ) -> DrawsPosterior:
        """Fit to batches, from the network or from the means of an earlier posterior."""
        mixture = self.run.to(data, path, init)
        drawn = _members(mixture)

        return _with_statistics(drawn, data)


@torch.no_grad()
def _mixture(
    model: BayesianNetwork, scoped: ScopedGuide, moments: PathMoments
) -> guides.Mixture:
    """Return the mixture of the points that a run has collected."""
    guide = guides.Mixture(model, guides.Delta, num_components=moments.num_kept)
    for number, name in enumerate(scoped.named_parameters()):
        site = name.removeprefix("loc.")
        points = moments.points(number)
        for component, value in zip(guide.components, points, strict=True):
            component.loc[site].copy_(value)

    return guide


def _members(mixture: GuidePosterior) -> DrawsPosterior:
    """Return the components of a mixture of points, each as one draw."""
    guide = mixture.guide
    parts = [guide] if isinstance(guide, guides.Delta) else guide.components
    draws = []
    for component in parts:
        draws.append(mixture.with_guide(component).sample(1))

    return DrawsPosterior(
        mixture.model,
        draws={name: torch.stack([d[name] for d in draws], 1) for name in draws[0]},
        state=mixture.state,
        info=mixture.info,
    )


def _with_statistics(posterior: DrawsPosterior, data: Batches) -> DrawsPosterior:
    """Return draws that have statistics of batch normalisation of their own."""
    found = recomputed(posterior, data, posterior.num_samples)
    own = {name: value.unsqueeze(0) for name, value in found.items()}
    renormalised = DrawsPosterior(
        posterior.model,
        draws={**posterior.draws, **own},
        state=posterior.state,
        info=posterior.info,
    )
    renormalised.batch_form = data.form

    return renormalised
