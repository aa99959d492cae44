"""Functional regularisation: the density, a linear fit in closed form, and wrong arguments."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from torch import nn
from torch.distributions import Normal

import guides
import zoo
from zoo import inference, likelihoods, priors

NAN = float("nan")


def linear_model(likelihood):
    prior = priors.WeightPrior(dist.Normal(0.0, 3.0))
    return zoo.BayesianNetwork(nn.Linear(1, 1), prior, likelihood)


def data():
    """Return data, of which the second half has an earlier output instead of a target."""
    torch.manual_seed(0)
    x = torch.linspace(-1, 1, 20).reshape(-1, 1)
    y = 2 * x + 0.1 * torch.randn(20, 1)
    recalled = 1 - x
    recalled[:10] = NAN
    return x, y, recalled


def test_targets_and_earlier_outputs_are_observed_once_each():
    x, y, recalled = data()
    model = linear_model(likelihoods.Recalled(likelihoods.Gaussian(0.5), scale=0.2))
    values = {"weight": torch.tensor([[1.5]]), "bias": torch.tensor([0.2])}
    observed = likelihoods.observed.Observed(y, given={"recalled": recalled})
    conditioned = poutine.condition(model, data=values)
    trace = poutine.trace(conditioned).get_trace(x, observed, num_data=40)
    found = sum(
        site["fn"].log_prob(site["value"]).sum()
        for name, site in trace.nodes.items()
        if name in ("likelihood:y", "likelihood:recalled")
    )
    output = 1.5 * x + 0.2
    first = Normal(output[:10], 0.5).log_prob(y[:10]).sum()
    second = Normal(output[10:], 0.2).log_prob(recalled[10:]).sum()
    torch.testing.assert_close(found, first + second)
    trace.compute_log_prob()
    scaled = trace.nodes["likelihood:recalled"]["log_prob_sum"]
    torch.testing.assert_close(scaled, 2 * second)  # N / B


def test_a_linear_fit_is_ridge_regression_with_a_scale_for_each_half():
    pyro.set_rng_seed(0)
    x, y, recalled = data()
    model = linear_model(likelihoods.Recalled(likelihoods.Gaussian(0.5), scale=0.2))
    engine = inference.SVI(
        model, guides.Delta(model), num_steps=800, lr=0.05, progress=False
    )
    posterior = engine.fit((x, y), recalled=recalled)
    assert not posterior.info.bound

    features = torch.cat([x, torch.ones_like(x)], -1)
    targets = torch.cat([y[:10], recalled[10:]])
    weights = torch.cat([torch.full((10, 1), 4.0), torch.full((10, 1), 25.0)])
    precision = features.T @ (weights * features) + torch.eye(2) / 9
    expected = torch.linalg.solve(precision, features.T @ (weights * targets))
    found = torch.cat([v.flatten() for v in posterior.means().values()])
    torch.testing.assert_close(found, expected.flatten(), atol=5e-3, rtol=0)
    alone = torch.linalg.lstsq(features[:10], y[:10]).solution.flatten()
    assert (alone - expected.flatten()).abs().max() > 0.5

    mean = posterior.predict(x, 1).mean  # without earlier outputs
    torch.testing.assert_close(mean, features @ expected, atol=0.01, rtol=0)


def test_only_the_first_outputs_are_compared():
    likelihood = likelihoods.Recalled(likelihoods.Categorical(), scale=0.1)
    output = torch.randn(4, 3)
    known = likelihood.known({"recalled": torch.zeros(4, 2)}, output)
    with poutine.trace() as trace:
        likelihood.targets(output, torch.zeros(4, dtype=torch.long), known)
    site = trace.trace.nodes["likelihood:recalled"]
    assert site["fn"].batch_shape == (4,)
    assert site["fn"].event_shape == (2,)


def test_more_earlier_outputs_than_outputs_get_a_sentence():
    x, y, _ = data()
    model = linear_model(likelihoods.Recalled(likelihoods.Gaussian(0.5), scale=0.2))
    engine = inference.SVI(model, guides.Delta(model), num_steps=1, progress=False)
    sentence = (
        r"recalled has shape \(20, 2\), .* 20 data with 1 outputs; write \(N, M\)"
    )
    with pytest.raises(ValueError, match=sentence):
        engine.fit((x, y), recalled=torch.zeros(20, 2))


def test_wrong_arguments_get_a_sentence():
    with pytest.raises(ValueError, match=r"scale must be a positive number.* not 0"):
        likelihoods.Recalled(likelihoods.Categorical(), scale=0.0)
    with pytest.raises(ValueError, match="asks for scale of each datum"):
        likelihoods.Recalled(likelihoods.Gaussian("given"), scale=1.0)
