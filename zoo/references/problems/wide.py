"""A wide network: its posterior is that of a Gaussian process, which is known in closed form."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.distributions import MultivariateNormal

from zoo import likelihoods, networks, priors
from zoo.data import Data
from zoo.datasets import Dataset, toy
from zoo.inference import NUTS
from zoo.model import BayesianNetwork
from zoo.posterior.function_posterior import FunctionPosterior
from zoo.references.problem import Problem
from zoo.references.problems.runs import NUM_CHAINS

_SCALE = 2**0.5  # of the weights at fan-in 1
_BIAS_SCALE = 1.0
_NOISE = 0.3
_WIDTH = 1000
_JITTER = 1e-8


def wide() -> Problem:
    r"""Forty points of a noisy sinusoid under 1,000 rectified units: the limit, and NUTS.

    .. math:: k(x, x') = b^2 + \tfrac{s^2}{2 \pi} \sqrt{v v'}
        (\sin \theta + (\pi - \theta) \cos \theta), \quad
        v = s^2 x^2 + b^2, \quad \cos \theta = \frac{s^2 x x' + b^2}{\sqrt{v v'}}

    As the width grows, the prior and the posterior of the function become those of a
    Gaussian process with this kernel, s² = 2 and b = 1. The first run draws from that
    limit in closed form, the second samples the 3,001 weights of the network. The noise is
    known, 0.3. Functions are stored on a grid over [-3, 3].

    References:
        Bayesian Learning for Neural Networks (Neal, 1996), chapter 2
        Kernel Methods for Deep Learning (Cho, Saul, 2009)
        Deep Neural Networks as Gaussian Processes (Lee et al., 2018)

    Example:
        >>> truth = zoo.references.load("wide")
        >>> zoo.fidelity(truth.runs["NUTS"], truth.runs["limit"], truth.inputs).verdict
        'correct mean, correct spread'
    """
    data = toy.sinusoid(noise=_NOISE)

    network = networks.MLP(1, 1, hidden=[_WIDTH], activation=nn.ReLU)
    prior = priors.WeightPrior(priors.fan_in(_SCALE, bias_scale=_BIAS_SCALE))
    model = BayesianNetwork(network, prior, likelihoods.Gaussian(_NOISE))

    inputs = data.test.x[::2]
    distances = (inputs - data.train.x.T).abs()  # to every datum
    away = distances.min(-1).values > 0.3

    limit = _Limit(model, data, inputs, num_samples=1000)
    nuts = NUTS(
        model,
        num_chains=NUM_CHAINS,
        warmup_steps=500,
        num_samples=1000,
        shared_mass=True,
    )

    return Problem(
        name="wide",
        version=1,
        model=model,
        data=data,
        inputs=inputs,
        away=away,
        targets=None,
        runs={"limit": limit, "NUTS": nuts},
        source="artificial, zoo.datasets.toy.sinusoid(noise=0.3); no licence needed",
    )


@dataclass
class _Limit:
    """An engine that draws function values of the Gaussian process in closed form.

    Arguments:
        model: The model.
        data: The data set.
        inputs: Where functions are drawn, (M, 1).
        num_samples: Number of draws of each of four chains.
    """

    model: BayesianNetwork
    data: Dataset
    inputs: Tensor
    num_samples: int

    def fit(self, data: Data) -> FunctionPosterior:
        """Return draws of the exact posterior; the argument is ignored."""
        x, y = self.data.train
        limit = exact_limit(x, y, self.inputs)
        shape = torch.Size((NUM_CHAINS, self.num_samples))
        values = limit.sample(shape).unsqueeze(-1).float()  # (C, S, M, 1)

        return FunctionPosterior(
            self.model, state={}, info=None, draws={}, functions=(self.inputs, values)
        )


def exact_limit(x: Tensor, y: Tensor, inputs: Tensor) -> MultivariateNormal:
    """Return the posterior of the Gaussian process at inputs (M, 1), in float64.

    Arguments:
        x: Inputs of the data, (N, 1).
        y: Targets, (N, 1).
        inputs: Where it is wanted, (M, 1).
    """
    x, y, inputs = x.double(), y.double(), inputs.double()
    noise = _NOISE**2 * torch.eye(len(x), dtype=torch.float64)
    factor = torch.linalg.cholesky(kernel(x, x) + noise)

    across = kernel(x, inputs)  # (N, M)
    solved = torch.cholesky_solve(across, factor)
    mean = (solved.T @ y).squeeze(-1)
    covariance = kernel(inputs, inputs) - across.T @ solved

    symmetric = (covariance + covariance.T) / 2
    jitter = _JITTER * torch.eye(len(inputs), dtype=torch.float64)
    return MultivariateNormal(mean, symmetric + jitter)


def kernel(x: Tensor, other: Tensor) -> Tensor:
    """Return the kernel (N, M) of outputs of an infinitely wide layer, for x (N, 1) and (M, 1)."""
    variance = (_SCALE * x).square() + _BIAS_SCALE**2  # of a unit before the activation
    other_variance = ((_SCALE * other).square() + _BIAS_SCALE**2).T
    size = (variance * other_variance).sqrt()

    covariance = _SCALE**2 * x @ other.T + _BIAS_SCALE**2
    cosine = (covariance / size).clamp(-1.0, 1.0)
    angle = cosine.acos()
    mean_product = size * (angle.sin() + (math.pi - angle) * cosine) / (2 * math.pi)

    return _BIAS_SCALE**2 + _SCALE**2 * mean_product
