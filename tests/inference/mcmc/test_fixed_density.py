"""A density that changes between calls is no density: samplers refuse it."""

import random

import numpy
import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn

import zoo
from zoo import inference, likelihoods, priors

X = torch.randn(12, 2, generator=torch.Generator().manual_seed(0))
Y = X.sum(-1, keepdim=True)
RNG = numpy.random.default_rng(0)


class _Noisy(nn.Linear):
    def __init__(self, factor):
        super().__init__(2, 1)
        self.factor = factor
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return super().forward(x) * self.factor()


def sampler(factor):
    network = _Noisy(factor)
    model = zoo.BayesianNetwork(
        network, priors.WeightPrior(dist.Normal(0.0, 1.0)), likelihoods.Gaussian(0.5)
    )
    options = {"num_chains": 2, "warmup_steps": 5, "num_samples": 5}
    return inference.HMC(model, progress=False, init="prior", **options)


@pytest.mark.parametrize(
    ("factor", "sentence"),
    [
        (lambda: 1.0 if random.random() < 0.01 else 0.5, "from Python's random; state"),
        (lambda: 1.0 if numpy.random.rand() < 0.01 else 0.5, "from numpy.random;"),
        (lambda: 1.0 if RNG.random() < 0.01 else 0.5, "from the variable 'RNG';"),
        (lambda: torch.rand(1), "at the same position the potential was .* and then"),
    ],
)
def test_a_network_that_draws_in_forward_is_refused(factor, sentence):
    with pytest.raises(ValueError, match=f"does not change between calls.*{sentence}"):
        sampler(factor).fit((X, Y))


def test_a_pyro_model_that_draws_is_refused():
    def model(y):
        mean = pyro.sample("mean", dist.Normal(random.random(), 1.0))
        pyro.sample("y", dist.Normal(mean, 1.0).expand([12]).to_event(1), obs=y)

    with pytest.raises(ValueError, match="from Python's random; state the noise as a"):
        inference.HMC(model, num_chains=1, progress=False).fit((Y[:, 0],))


def test_a_counter_without_effect_costs_the_graph_alone():
    with pytest.warns(UserWarning, match="it changes the attribute 'calls' of _Noisy"):
        posterior = sampler(lambda: 1.0).fit((X, Y))
    assert posterior.info.compiled == "plain"
