"""Two modes of known weight: linear regression whose slope is near -1 or near 1."""

from __future__ import annotations

from dataclasses import dataclass

import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from zoo import likelihoods, networks, priors
from zoo.data import Data
from zoo.datasets import Dataset, Split, Units
from zoo.datasets.toy.conjugate import LinearPosterior, linear_posterior
from zoo.inference import NUTS
from zoo.model import BayesianNetwork
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.references.problem import Problem
from zoo.references.problems.runs import NUM_CHAINS

_SLOPES = (-1.0, 1.0)  # prior means, with equal weights
_SLOPE_SCALE = 0.3
_BIAS_SCALE = 1.0
_NOISE = 2.0
_NUM_DATA = 10


def two_modes() -> Problem:
    r"""Ten noisy points that hardly say whether a line rises or falls: exact draws and NUTS.

    .. math:: w \sim \tfrac12 N(-1, 0.3^2) + \tfrac12 N(1, 0.3^2), \quad b \sim N(0, 1), \quad
        y \sim N(w x + b, 2^2)

    Under each half of the prior the posterior is normal in closed form, and its evidence
    is the weight of its mode. Functions are stored on a grid over [-4, 4]; the data lie in
    [-2, 2]. A guide with one mode finds one of two lines.

    References:
        Pattern Recognition and Machine Learning (Bishop, 2006), sections 3.3 and 9.2

    Example:
        >>> truth = zoo.references.load("two-modes")
        >>> rises = truth.weights["layer1.weight"] > 0
        >>> 0.2 < float(rises.float().mean()) < 0.8  # both modes have draws
        True
    """
    data = _hardly_a_slope()
    halves = _halves(data.train)

    network = networks.MLP(1, 1, hidden=[])
    weight = dist.MixtureSameFamily(
        dist.Categorical(torch.full((2,), 0.5)),
        dist.Normal(torch.tensor(_SLOPES), _SLOPE_SCALE),
    )
    bias = dist.Normal(0.0, _BIAS_SCALE)
    prior = priors.WeightPrior(
        priors.by_name({"layer1.weight": weight}, otherwise=bias)
    )
    model = BayesianNetwork(network, prior, likelihoods.Gaussian(_NOISE))

    nuts = NUTS(model, num_chains=NUM_CHAINS, warmup_steps=1000, num_samples=10_000)
    exact = _ExactMixture(model, halves, num_samples=1000)

    inputs = torch.linspace(-4.0, 4.0, 41).unsqueeze(-1)
    away = inputs[:, 0].abs() > data.train.x.abs().max()
    log_evidences = torch.stack([half.log_evidence for half in halves])
    log_evidence = torch.logsumexp(log_evidences, 0) - torch.tensor(2.0).log()

    return Problem(
        name="two-modes",
        version=1,
        model=model,
        data=data,
        inputs=inputs,
        away=away,
        targets=None,
        runs={"exact": exact, "NUTS": nuts},
        log_evidence=float(log_evidence),
        source="artificial, drawn by the problem's own code; no licence needed",
        num_weights=400,
    )


@dataclass
class _ExactMixture:
    """An engine that draws independent samples of the posterior in closed form.

    Arguments:
        model: The model.
        halves: The posterior under each half of the prior.
        num_samples: Number of draws of each of four chains.
    """

    model: BayesianNetwork
    halves: list[LinearPosterior]
    num_samples: int

    def fit(self, data: Data) -> DrawsPosterior:
        """Return draws of the exact posterior; the argument is ignored."""
        shape = torch.Size((NUM_CHAINS, self.num_samples))
        log_evidences = torch.stack([half.log_evidence for half in self.halves])
        chosen = torch.distributions.Categorical(logits=log_evidences).sample(shape)

        of_halves = []
        for half in self.halves:
            normal = MultivariateNormal(half.mean, half.covariance)
            of_halves.append(normal.sample(shape))

        samples = torch.where(chosen[..., None] == 0, *of_halves).float()  # (C, S, 2)
        weight = samples[..., None, :1]
        bias = samples[..., 1:]
        draws = {"layer1.weight": weight, "layer1.bias": bias}
        return DrawsPosterior(self.model, state={}, info=None, draws=draws)


def _halves(train: Split) -> list[LinearPosterior]:
    """Return the exact posterior of [w, b] under each half of the prior."""
    x, y = train
    features = torch.cat([x, torch.ones_like(x)], -1)
    scale = torch.tensor([_SLOPE_SCALE, _BIAS_SCALE])

    found = []
    for slope in _SLOPES:
        loc: Tensor = torch.tensor([slope, 0.0])
        found.append(linear_posterior(features, y.squeeze(-1), _NOISE, scale, loc))

    return found


def _hardly_a_slope() -> Dataset:
    """Draw data (N, 1) whose slope is small next to their noise; the test part is a grid."""
    random = torch.Generator().manual_seed(0)
    x = torch.linspace(-2.0, 2.0, _NUM_DATA).unsqueeze(-1)
    errors = _NOISE * torch.randn(_NUM_DATA, 1, generator=random)
    grid = torch.linspace(-4.0, 4.0, 41).unsqueeze(-1)
    slope = 0.1
    units = Units.identity(x)

    train = Split(x, slope * x + errors)
    test = Split(grid, slope * grid)
    return Dataset("hardly a slope", train, test, x_units=units, y_units=units)
