"""Linear models whose posterior is known: of weights, of nodes, and of Bernoulli masks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import pyro.distributions as dist
import torch
from torch import Tensor

import zoo
from benchmarks.linear_posteriors import (
    Moments,
    both_sides_posterior,
    linear_moments,
    mask_posterior,
)
from zoo import datasets, likelihoods, networks, priors
from zoo.priors.prior import Prior

NOISE = 0.5
PRIOR_SCALE = 2.0
NODE_SCALE = 0.4
KEEP = 0.7
MASK_NOISE = 10.0  # dropping an input of a trained network changes its outputs a lot


@dataclass(frozen=True)
class Problem:
    """A model whose posterior is known.

    Arguments:
        model: The model.
        exact: The moments of its posterior.
        vector: Puts draws of its sites into one vector (S, P).
    """

    model: zoo.BayesianNetwork
    exact: Moments
    vector: Callable[[dict[str, Tensor]], Tensor]


def problems() -> tuple[tuple[Tensor, Tensor], dict[str, Problem]]:
    """Make the data, and the models with their exact posteriors, by name."""
    data = datasets.toy.linear(
        num_data=30, noise=NOISE, prior_scale=PRIOR_SCALE, correlation=0.8
    )
    x = data.train.x.double()
    y = data.train.y.double()
    features = torch.cat([x, torch.ones_like(y)], -1)
    exact = linear_moments(features, y.squeeze(-1), 0.0, PRIOR_SCALE, NOISE)

    prior = priors.WeightPrior(dist.Normal(0.0, PRIOR_SCALE))
    found = {"weights": Problem(model_of(prior, NOISE), exact, weights_and_bias)}
    found |= problems_over_nodes(x, y.squeeze(-1), exact.mean)

    return (x.float(), y.float()), found


def problems_over_nodes(
    x: Tensor, y: Tensor, coefficients: Tensor
) -> dict[str, Problem]:
    """Make the problems over the nodes of a network with given weights and bias, by name.

    Arguments:
        x: Inputs, (N, D).
        y: Targets, (N,).
        coefficients: Weights and bias, (D + 1,).
    """
    weight = coefficients[:-1]
    bias = coefficients[-1]
    masks = torch.tensor(list(product((0.0, 1.0), repeat=3)), dtype=torch.float64)
    masked_outputs = (x * weight) @ masks.T + bias  # (N, M)

    normal = dist.Normal(1.0, NODE_SCALE)
    one_side = priors.NodePrior(normal, weights=priors.Frozen())
    both_sides = priors.NodePrior(normal, where="both", weights=priors.Frozen())
    binary = priors.NodePrior(dist.Bernoulli(KEEP), weights=priors.Frozen())

    return {
        "nodes": Problem(
            model_of(one_side, NOISE, coefficients),
            linear_moments(x * weight, y - bias, 1.0, NODE_SCALE, NOISE),
            input_nodes,
        ),
        "both sides": Problem(
            model_of(both_sides, NOISE, coefficients),
            both_sides_posterior(x * weight, y - bias, NODE_SCALE, NOISE),
            all_nodes,
        ),
        "masks": Problem(
            model_of(binary, MASK_NOISE, coefficients),
            mask_posterior(masked_outputs, masks, y[:, None], KEEP, MASK_NOISE),
            input_nodes,
        ),
    }


def model_of(
    prior: Prior, noise: float, coefficients: Tensor | None = None
) -> zoo.BayesianNetwork:
    """Make a linear model; its weights and bias are the coefficients (D + 1,) if given."""
    network = networks.MLP(3, 1, hidden=[])
    if coefficients is not None:
        weight = coefficients[:-1].reshape(1, 3)
        bias = coefficients[-1:]
        network.load_state_dict({"layer1.weight": weight, "layer1.bias": bias})

    return zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(noise))


def weights_and_bias(draws: dict[str, Tensor]) -> Tensor:
    """Return draws of weights and bias as vectors, (S, 4)."""
    weights = draws["layer1.weight"].flatten(-2)
    return torch.cat([weights, draws["layer1.bias"]], -1)


def input_nodes(draws: dict[str, Tensor]) -> Tensor:
    """Return draws of the nodes of the inputs, (S, 3)."""
    return draws["layer1.nodes_in"]


def all_nodes(draws: dict[str, Tensor]) -> Tensor:
    """Return draws of the nodes on both sides, (S, 4)."""
    return torch.cat([draws["layer1.nodes_in"], draws["layer1.nodes_out"]], -1)
