"""The methods of the UCI table: MC dropout and deep ensembles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import pyro
import pyro.distributions as dist
from torch import Tensor, nn

import guides
import zoo
from guides import Guide
from zoo import likelihoods, networks, priors
from zoo.datasets import Dataset
from zoo.likelihoods.likelihood import Likelihood
from zoo.predictive.evaluate import evaluate_draws

TAUS = {  # noise precision in original units, the authors' grids
    "boston": (0.1, 0.15, 0.2),
    "concrete": (0.025, 0.05, 0.075),
    "energy": (0.25, 0.5, 0.75),
    "wine": (2.5, 3.0, 3.5),
    "yacht": (0.25, 0.5, 0.75),
}


@dataclass(frozen=True)
class Method:
    """The settings of one row of the table.

    Arguments:
        choices: Values of the hyperparameter that is chosen before a fit.
        guide: Makes the guide of a model and a choice.
        likelihood: Makes the likelihood of a noise precision.
        outputs: Number of outputs of the network.
        lr: The learning rate of a choice.
        epochs: Number of epochs.
        batch_size: Size of a batch.
        members: Number of networks in an ensemble.
        draws: Number of draws behind a prediction.
        taus: Noise precisions in original units that are chosen after a fit, by data set.
    """

    choices: tuple[float, ...]
    guide: Callable[[zoo.BayesianNetwork, float], Guide]
    likelihood: Callable[[float], Likelihood]
    outputs: int
    lr: Callable[[float], float]
    epochs: int
    batch_size: int
    members: int = 1
    draws: int = 1
    taus: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


METHODS = {
    "MCDropout": Method(
        choices=(0.005, 0.01, 0.05, 0.1),
        guide=lambda model, p: guides.MCDropout(model, p=p),
        likelihood=lambda tau: likelihoods.Gaussian(tau**-0.5),
        outputs=1,
        lr=lambda p: 1e-3,
        epochs=4000,
        batch_size=128,
        draws=10_000,
        taus=TAUS,
    ),
    "DeepEnsemble": Method(
        choices=(0.1, 0.03, 0.01, 0.003),
        guide=lambda model, lr: guides.Delta(model),
        likelihood=lambda _: likelihoods.HeteroscedasticGaussian(),
        outputs=2,
        lr=lambda lr: lr,
        epochs=40,
        batch_size=100,
        members=5,
    ),
}


class Member(NamedTuple):
    """A fitted network: its model and its guide."""

    model: zoo.BayesianNetwork
    guide: Guide


def build(method: Method, data: Dataset, choice: float, tau: float) -> Member:
    """Make a new network, model and guide; the prior is that of lengthscale 0.01."""
    num_inputs = data.train.x.shape[1]
    network = networks.MLP(num_inputs, method.outputs, hidden=[50], activation=nn.ReLU)
    prior = priors.WeightPrior(dist.Normal(0.0, 100.0))
    likelihood = method.likelihood(standardised(tau, data))

    model = zoo.BayesianNetwork(network, prior, likelihood)
    return Member(model, method.guide(model, choice))


def standardised(tau: float, data: Dataset) -> float:
    """Return a noise precision in original units in the units of standardised targets."""
    return tau * float(data.y_units.scale) ** 2


def middle(method: Method, name: str) -> float:
    """Return the noise precision in the middle of the grid, with which networks are fitted."""
    taus = method.taus.get(name, (1.0,))
    return taus[len(taus) // 2]


def outputs_of(member: Member, x: Tensor, draws: int) -> Tensor:
    """Return the outputs of a fitted network for draws of its guide, (S, N, O)."""
    guide = member.guide
    with pyro.plate("draws", draws, dim=-1):
        values = {}
        for name, value in guide().items():
            shape = guide.sites[name].init.shape
            values[name] = value.clone().expand(draws, *shape)
        return evaluate_draws(member.model, values, {}, x)
