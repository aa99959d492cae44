"""Moments: the mean and the standard deviation of every weight under a posterior."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pyro.distributions as dist
import torch
from torch import Tensor

from zoo.model import BayesianNetwork
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.posterior import Posterior
from zoo.priors.node import has_nodes
from zoo.pruning.filters import layer_of

_NUM_SAMPLES = 200  # for the moments of a posterior without normal marginals


class Moments(NamedTuple):
    """Mean and standard deviation of each element of a site.

    Arguments:
        mean: Means, (*shape).
        std: Standard deviations, (*shape).
    """

    mean: Tensor
    std: Tensor


def weight_moments(posterior: Posterior) -> dict[str, Moments]:
    """Return the moments of every random weight of a linear or convolution layer, by site.

    Raises:
        ValueError: A posterior without draws of a network's weights, or without random
            weights.
    """
    model = posterior.require_weights("pruning needs draws of a network's weights")
    sites = _weight_sites(model)
    if not sites:
        raise ValueError(_without_weights(model))

    found = normal_moments(posterior)
    missing = [name for name in sites if name not in found]
    if missing:
        found |= _estimated_moments(posterior, missing)
    return {name: found[name] for name in sites}


def normal_moments(posterior: Posterior) -> dict[str, Moments]:
    """Return the moments of the sites that are normal under the posterior's guide, by site."""
    if not getattr(posterior.guide, "has_density", False):
        return {}

    found = {}
    for name, distribution in posterior.guide.distributions().items():
        if isinstance(distribution, dist.Independent):
            distribution = distribution.base_dist
        if isinstance(distribution, dist.Normal):
            found[name] = Moments(distribution.mean, distribution.stddev)

    return found


def _without_weights(model: BayesianNetwork) -> str:
    """Return the message for a model without random weights of layers that are pruned."""
    network = type(model.network).__name__
    random = [name for name in model.plan.weights if name in model.latents]
    if all(name.endswith("bias") for name in random):
        return (
            f"no weight of {network} is random under {model.prior!r}, so there is none to drop; "
            "use a priors.WeightPrior"
        )

    listed = ", ".join(random)
    return (
        f"pruning drops weights of linear and convolution layers, but in {network} only {listed} "
        "are random; a weight that is tied to an embedding, or computed from other tensors "
        "(torch.nn.utils.parametrizations), cannot be pruned; untie it, or use the plain layer"
    )


def _weight_sites(model: BayesianNetwork) -> list[str]:
    """Return the names of the random weights of linear and convolution layers."""
    layers = dict(model.network.named_modules())
    sites = []
    for name in model.latents:
        layer = layers.get(layer_of(name))
        if layer is None or not has_nodes(layer):
            continue
        if name.endswith("weight"):
            sites.append(name)

    return sites


def _estimated_moments(
    posterior: Posterior, sites: Iterable[str]
) -> dict[str, Moments]:
    """Estimate the moments of sites from draws, by site."""
    if isinstance(posterior, DrawsPosterior):
        draws = posterior.sample()
        found = {}
        for name in sites:
            std = draws[name].std(0, correction=0)
            found[name] = Moments(draws[name].mean(0), std)
        return found
    return _running_moments(posterior, list(sites))


def _running_moments(posterior: Posterior, sites: list[str]) -> dict[str, Moments]:
    """Estimate moments by Welford's algorithm from one draw at a time: a network may be large."""
    means: dict[str, Tensor] = {}
    squares: dict[str, Tensor] = {}  # sums of squared deviations from the mean
    for number in range(1, _NUM_SAMPLES + 1):
        draws = posterior.sample(1)

        for name in sites:
            value = draws[name][0]
            mean = means.get(name, torch.zeros_like(value))
            total = squares.get(name, torch.zeros_like(value))

            deviation = value - mean
            means[name] = mean + deviation / number
            squares[name] = total + deviation * (value - means[name])

    found = {}
    for name in sites:
        variance = squares[name] / _NUM_SAMPLES
        found[name] = Moments(means[name], variance.sqrt())

    return found
