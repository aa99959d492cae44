"""Several runs of SWAG as one posterior: the equal mixture of their normals."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import torch

import guides
from zoo.inference.svi.restarts import Restarts
from zoo.model import BayesianNetwork
from zoo.posterior.batch_norm import statistics
from zoo.posterior.guide_posterior import GuidePosterior
from zoo.posterior.info import SVIInfo
from zoo.posterior.posterior import Posterior
from zoo.runtime.caller import stack_level
from zoo.runtime.param_scope import ScopedGuide


def starts(
    model: BayesianNetwork, init: Posterior | None, num_runs: int
) -> Iterator[guides.Delta]:
    """Give a guide at the start of each run.

    Without a posterior the first run starts at the network, and each other at weights whose
    elements have changed places within their tensor; else each starts at a draw.

    Arguments:
        model: The model.
        init: The posterior, None for none.
        num_runs: Number of runs.
    """
    if init is None:
        guide = guides.Delta(model)
        restarts = Restarts(model, ScopedGuide(guide), {})
        for number in range(num_runs):
            if number > 0:
                restarts.begin()

            started = guides.Delta(model)
            started.load_state_dict(guide.state_dict())
            yield started
        return

    draws = init.sample(num_runs)
    for number in range(num_runs):
        guide = guides.Delta(model)
        guide.move_to({name: draws[name][number] for name in guide.sites})
        yield guide


def mixture(model: BayesianNetwork, runs: Sequence[GuidePosterior]) -> GuidePosterior:
    """Return the equal mixture of the posteriors of runs.

    Runs that ended early, and so have other guides than the first, are left out. Runs of
    one point each are a deep ensemble.

    Arguments:
        model: The model.
        runs: The posteriors, at least one.
    """
    first = runs[0]
    kind, shapes = type(first.guide), _shapes(first)
    alike = [
        each for each in runs if type(each.guide) is kind and _shapes(each) == shapes
    ]
    if len(alike) == 1:
        return first

    make: Callable[..., guides.Guide] = guides.MeanField
    if isinstance(first.guide, guides.Delta):
        make = guides.Delta
    if isinstance(first.guide, guides.LowRank):
        make = partial(guides.LowRank, rank=first.guide.rank, per="all")

    guide = guides.Mixture(model, make, num_components=len(alike))
    for component, each in zip(guide.components, alike, strict=True):
        component.load_state_dict(each.scoped.tensors())

    if statistics(model.network, model.plan.frozen):
        warnings.warn(
            "the runs have statistics of batch normalisation of their own, and this posterior "
            "those of the first; predict with zoo.renormalise(posterior, data)",
            stacklevel=stack_level(),
        )

    posterior = first.with_guide(guide)
    posterior.info = _info_of([each.info for each in runs])
    posterior.batch_form = first.batch_form

    return posterior


def _shapes(posterior: GuidePosterior) -> dict[str, torch.Size]:
    """Return the shapes of the parameters of a guide by name."""
    return {name: each.shape for name, each in posterior.scoped.tensors().items()}


def _info_of(infos: Sequence[SVIInfo | None]) -> SVIInfo | None:
    """Return the statistics of several runs, one after the other."""
    found = [each for each in infos if each is not None]
    last = found[-1]

    return replace(
        last,
        losses=torch.cat([each.losses for each in found]),
        num_steps=sum(each.num_steps for each in found),
        seconds=sum(each.seconds for each in found),
        seconds_tracing=sum(each.seconds_tracing for each in found),
        restarts=[float(each.losses[-1]) for each in found],
    )
