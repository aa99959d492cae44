"""IVON on Bayesian linear regression, where its fixed point has a closed form."""

import pyro
import pyro.distributions as dist
import pytest
import torch

import zoo
from zoo import inference, likelihoods, priors

NOISE, SCALE, LOC = 0.5, 0.7, 0.3
NUM_STEPS = 800
# of one fit, over seeds: of the means in their scales, and of the log scales
MEAN_ERROR, LOG_SCALE_ERROR = 0.09, 0.04


def normal():
    return dist.Normal(LOC, SCALE)


def as_mixture():
    """Return the same distribution as a mixture of equal components, which is no Normal."""
    components = dist.Normal(torch.full((2,), LOC), torch.full((2,), SCALE))
    return dist.MixtureSameFamily(dist.Categorical(torch.ones(2)), components)


def data():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(60, 2, generator=generator)
    x[:, 1] += x[:, 0]  # correlated, so that marginals are wider than conditionals
    y = x @ torch.tensor([[1.0], [-0.5]]) + 0.3
    return x, y + NOISE * torch.randn(60, 1, generator=generator)


def exact(temperature=1.0, likelihood_temperature=1.0):
    """Return means, scales 1/sqrt(diag(precision)) and marginal standard deviations."""
    x, y = data()
    x = torch.cat([x, torch.ones(len(x), 1)], 1).double()
    of_data = x.T @ x / NOISE**2 / likelihood_temperature
    precision = of_data + torch.eye(3) / SCALE**2
    linear = x.T @ y[:, 0].double() / NOISE**2 / likelihood_temperature
    mean = torch.linalg.solve(precision, linear + LOC / SCALE**2)
    scale = (temperature / precision.diag()).sqrt()
    marginal = (temperature * precision.inverse().diag()).sqrt()
    return mean, scale, marginal


def fit(prior, seed=0, **options):
    pyro.set_rng_seed(seed)
    network = torch.nn.Linear(2, 1)
    model = zoo.BayesianNetwork(
        network, priors.WeightPrior(prior()), likelihoods.Gaussian(NOISE)
    )
    settings = {"num_steps": NUM_STEPS, "beta2": 0.99, "progress": False} | options
    found = inference.IVON(model, **settings).fit(data()).distributions()
    flat = [found["weight"], found["bias"]]
    mean = torch.cat([each.mean.flatten() for each in flat]).double()
    scale = torch.cat([each.stddev.flatten() for each in flat]).double()
    return mean, scale


@pytest.mark.parametrize(
    ("prior", "temperatures"),
    [
        (normal, {}),
        (normal, {"temperature": 0.25, "likelihood_temperature": 4.0}),
        (as_mixture, {"temperature": 0.5}),
    ],
)
def test_mean_and_scales_are_exact_for_any_form_of_the_prior(prior, temperatures):
    mean, scale, marginal = exact(**temperatures)
    found_mean, found_scale = fit(prior, **temperatures)
    off = ((found_mean - mean) / scale).abs()
    log_ratio = (found_scale / scale).log().abs()
    assert (off < 4.5 * MEAN_ERROR).all()  # 3 numbers each: 2e-5 by chance
    assert (log_ratio < 4.5 * LOG_SCALE_ERROR).all()

    wrong = (
        (found_scale / marginal).log().abs()
    )  # the standard deviations of the posterior
    assert (wrong > 4.5 * LOG_SCALE_ERROR).any()


def test_the_default_start_of_the_scales_is_left_slowly():
    """The default decay is for long runs: the scales of a short one are not at the optimum."""
    _, scale, _ = exact()
    _, found = fit(normal, beta2=0.9999, num_steps=300)
    assert ((found / scale).log() > 4.5 * LOG_SCALE_ERROR).any()
