"""What a prediction without training scores: classes, and the prior predictive of a line."""

import math

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn

import zoo
from zoo import likelihoods, networks, priors
from zoo.diagnostics import baseline_nll


def model_of(network, likelihood, prior=dist.Normal(0.0, 1.0)):  # noqa: B008
    return zoo.BayesianNetwork(network, priors.WeightPrior(prior), likelihood)


def test_of_classes_it_is_the_log_of_their_number():
    x = torch.randn(30, 4)
    many = model_of(networks.MLP(4, 7, hidden=[3]), likelihoods.Categorical())
    assert baseline_nll(many, (x, torch.arange(30) % 7)) == pytest.approx(math.log(7))

    two = model_of(networks.MLP(4, 1, hidden=[3]), likelihoods.Bernoulli())
    y = torch.ones(30, 1)
    assert baseline_nll(two, (x, y)) == pytest.approx(math.log(2))


def test_labels_that_are_left_out_do_not_count():
    x = torch.randn(30, 4)
    y = torch.arange(30) % 7
    y[:15] = -100
    many = model_of(networks.MLP(4, 7, hidden=[3]), likelihoods.Categorical())
    with pytest.warns(UserWarning, match="15 of 30 labels are -100"):
        assert baseline_nll(many, (x, y)) == pytest.approx(math.log(7) / 2)


def test_an_improper_prior_has_a_baseline_of_classes_alone():
    x = torch.randn(30, 4)
    improper = priors.LogUniform()
    classes = model_of(
        networks.MLP(4, 2, hidden=[3]), likelihoods.Categorical(), improper
    )
    found = baseline_nll(classes, (x, torch.arange(30) % 2))
    assert found == pytest.approx(math.log(2))

    line = model_of(nn.Linear(4, 1), likelihoods.Gaussian(0.5), improper)
    with pytest.raises(ValueError, match="is improper and has no draws"):
        baseline_nll(line, (x, torch.randn(30, 1)))


def test_of_a_line_it_is_that_of_the_prior_predictive():
    pyro.set_rng_seed(0)
    x = torch.linspace(-1.0, 1.0, 40).unsqueeze(-1)
    y = 1.5 * x
    model = model_of(nn.Linear(1, 1, bias=False), likelihoods.Gaussian(0.5))
    predictive = dist.Normal(0.0, (x.square() + 0.25).sqrt())
    truth = -float(predictive.log_prob(y).mean())
    found = baseline_nll(model, (x, y), num_samples=20_000)
    assert found == pytest.approx(truth, abs=0.01)

    average = model_of(nn.Linear(1, 1, bias=False), likelihoods.Gaussian(0.5))
    of_draws = average.prior_predictive(x, 2000).pointwise(y)
    assert -float(of_draws.mean()) > truth + 0.5  # averaged inside the logarithm
