"""One fit by averages along SGD: a run from the network or a posterior, and its guide."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

import guides
from zoo.data import Batches
from zoo.inference.svi.fit import Fit
from zoo.inference.svi.trainer import Trainer
from zoo.inference.swag.moments import PathMoments
from zoo.inference.swag.normals import Collected, diagonal_normal, low_rank_normal
from zoo.inference.swag.runs import mixture, starts
from zoo.model import BayesianNetwork
from zoo.posterior import batch_norm
from zoo.posterior.guide_posterior import GuidePosterior
from zoo.posterior.info import SVIInfo
from zoo.posterior.posterior import Posterior
from zoo.runtime.caller import stack_level
from zoo.runtime.param_scope import ScopedGuide
from zoo.runtime.programs import PyroProgram


@dataclass(frozen=True)
class AveragedFit(Fit):
    """A fit of averages along SGD on the negative log posterior.

    Arguments:
        model: The model.
        guide: A `guides.Delta`, which the run moves.
        options: The settings, without those that depend on the data.
        description: The engine in words.
        scale: Factor of the covariance; None for the mean alone.
        num_runs: Number of runs, of which the posterior is the mixture.
    """

    scale: float | None
    num_runs: int = 1

    def to(
        self, data: Batches, path: Path | None, init: Posterior | None
    ) -> GuidePosterior:
        """Fit to batches, from the network or from the means of an earlier posterior."""
        if self.num_runs == 1:
            guide = self.guide if init is None else point_at_means(self.model, init)
            return self._run_from(guide, data, path, init)

        runs: list[GuidePosterior] = []
        for number, guide in enumerate(starts(self.model, init, self.num_runs)):
            own = path
            if path is not None and number > 0:
                own = path.with_name(f"{path.name}.{number}")

            runs.append(self._run_from(guide, data, own, init))
            if runs[-1].info is not None and runs[-1].info.error is not None:
                break

        return mixture(self.model, runs)

    def _run_from(
        self,
        guide: PyroProgram,
        data: Batches,
        path: Path | None,
        init: Posterior | None,
    ) -> GuidePosterior:
        """Fit once, from the present values of a guide."""
        started = replace(self, guide=guide)

        return super(AveragedFit, started).to(data, path, init)

    def _posterior(
        self, trainer: Trainer, scoped: ScopedGuide, info: SVIInfo
    ) -> GuidePosterior:
        """Return the posterior of what the run has collected."""
        point = super()._posterior(trainer, scoped, info)
        found = recomputed(point, trainer.data, 1)
        point.state |= {name: value[0] for name, value in found.items()}
        moments = cast(PathMoments, trainer.state.averaging)
        if self.scale is None or moments.num_averaged < 2:
            return point

        collected = _collected(scoped, moments)
        make = diagonal_normal if moments.rank == 0 else low_rank_normal
        try:
            posterior = point.with_guide(make(self.model, collected, self.scale))
        except torch.linalg.LinAlgError as error:
            raise ValueError(_drifted(moments)) from error

        posterior.batch_form = point.batch_form

        return posterior


def _drifted(moments: PathMoments) -> str:
    """Return the error that the collected weights have no covariance in single precision."""
    return (
        f"the {moments.num_averaged} collected points lie on a line, because the weights ran "
        "away or drifted meanwhile; write a smaller swa_lr, or a longer burn_in"
    )


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


def recomputed(
    posterior: Posterior, data: Batches, num_samples: int
) -> dict[str, Tensor]:
    """Return the statistics of batch normalisation of draws on all data; {} for none.

    Arguments:
        posterior: A point, or points.
        data: All batches.
        num_samples: Number of draws S.
    """
    model = posterior.model
    if not batch_norm.statistics(model.network, model.plan.frozen):
        return {}

    draws = posterior.sample(num_samples)
    try:
        return batch_norm.recomputed(model, draws, posterior.state, data)
    except ValueError as error:  # nodes of a computed weight: the run is not lost
        warnings.warn(
            "the statistics of batch normalisation are the mean of those of the points, and not "
            f"recomputed: {error}",
            stacklevel=stack_level(),
        )
        return {}


def point_at_means(model: BayesianNetwork, posterior: Posterior) -> guides.Delta:
    """Return a guide at the means of a posterior.

    Arguments:
        model: The model.
        posterior: A posterior of a model with the same sites.
    """
    guide = guides.Delta(model)
    guide.move_to(posterior.means())

    return guide
