"""Averages over draws in chunks: equal to those of all draws together, for any chunk."""

import sys

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn

import guides
import zoo
from zoo import inference, likelihoods, priors
from zoo.posterior import average_classes

PRIOR = priors.WeightPrior(dist.Normal(0.0, 1.0))


def fitted(network, likelihood, x, y):
    pyro.set_rng_seed(0)
    model = zoo.BayesianNetwork(network, PRIOR, likelihood)
    guide = guides.MeanField(model, init_scale=0.5)
    return inference.SVI(model, guide, num_steps=2, progress=False).fit((x, y))


@pytest.mark.parametrize("outputs_at_once", [2**24, 200, 1])
@pytest.mark.parametrize("weights_at_once", [2**26, 20])
def test_chunks_give_the_averages_of_all_draws(
    monkeypatch, outputs_at_once, weights_at_once
):
    module = sys.modules["zoo.posterior.average_classes"]
    monkeypatch.setattr(module, "_OUTPUTS_AT_ONCE", outputs_at_once)
    monkeypatch.setattr(module, "_WEIGHTS_AT_ONCE", weights_at_once)
    x, y = torch.randn(5, 1, 4, 3), torch.randint(3, (5, 4, 3))
    likelihood = likelihoods.Categorical(dim=1, class_weight=[1.0, 2.0, 3.0])
    posterior = fitted(nn.Conv2d(1, 3, 1), likelihood, x, y)
    draws = posterior.sample(7)
    monkeypatch.setattr(posterior, "sample", lambda number: given(draws, number))

    taken = []

    def given(draws, number):
        begin = sum(taken)
        taken.append(number)
        return {name: value[begin : begin + number] for name, value in draws.items()}

    found = average_classes(posterior, x, num_samples=7)
    assert sum(taken) == 7
    assert max(taken) <= max(1, weights_at_once // 6)
    expected = posterior.predict_with(draws, x)
    torch.testing.assert_close(found.probs, expected.probs)
    torch.testing.assert_close(found.entropy, expected.entropy)
    torch.testing.assert_close(found.aleatoric, expected.aleatoric)
    torch.testing.assert_close(found.epistemic, expected.epistemic, atol=1e-6, rtol=0)
    assert torch.equal(found.predicted, expected.probs.argmax(-1))


def test_two_classes_of_a_bernoulli():
    x, y = torch.randn(6, 2), torch.tensor([[0.0], [1.0]] * 3)
    posterior = fitted(nn.Linear(2, 1), likelihoods.Bernoulli(), x, y)
    torch.manual_seed(1)
    found = average_classes(posterior, x, num_samples=9)
    torch.manual_seed(1)
    expected = posterior.predict(x, num_samples=9)
    torch.testing.assert_close(found.probs[:, 1:], expected.probs)
    torch.testing.assert_close(found.epistemic, expected.epistemic.reshape(6))


def test_regression_has_no_classes():
    x, y = torch.randn(6, 2), torch.randn(6, 1)
    posterior = fitted(nn.Linear(2, 1), likelihoods.Gaussian(0.1), x, y)
    with pytest.raises(
        ValueError, match="average_classes needs a likelihood of classes"
    ):
        average_classes(posterior, x)
