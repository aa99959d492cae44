"""Predictions use the posterior of a learned noise scale, for any number of draws.

The reference is a quadrature over the scale, with the coefficients of the linear model
integrated out.
"""

import cases
import exact
import pyro
import pyro.distributions as dist
import pytest
import torch
from monte_carlo import LIMIT, off, off_chains, one_thread  # noqa: F401
from pyro.infer.autoguide import AutoNormal

import guides
import zoo
from zoo import datasets, inference, likelihoods, networks, priors

NOISE, PRIOR_SCALE, WIDTH = 0.5, 1.5, 2.0
SITE = "likelihood:scale"


@pytest.fixture(scope="module")
def data():
    data = datasets.toy.linear(
        num_data=25, num_inputs=2, noise=NOISE, prior_scale=PRIOR_SCALE
    )
    return data.train.x.double(), data.train.y.double()


@pytest.fixture(scope="module")
def model():
    pyro.set_rng_seed(0)
    network = networks.MLP(2, 1, hidden=[]).double()
    likelihood = likelihoods.Gaussian(dist.HalfNormal(WIDTH))
    return zoo.BayesianNetwork(
        network, priors.WeightPrior(dist.Normal(0.0, PRIOR_SCALE)), likelihood
    )


@pytest.fixture(scope="module")
def reference(data):
    """Return the posterior of the scale, on a grid that covers all of its mass."""
    scales = torch.linspace(0.05, 3.0, 1000, dtype=torch.float64)
    log_prior = torch.distributions.HalfNormal(torch.tensor(WIDTH).double()).log_prob(
        scales
    )
    return exact.noise_posterior(
        exact.features(data[0]), data[1].squeeze(-1), PRIOR_SCALE, scales, log_prior
    )


@pytest.fixture(scope="module")
def sampled(model, data):
    pyro.set_rng_seed(1)
    engine = inference.HMC(
        model,
        num_chains=16,
        warmup_steps=50,
        num_samples=50,
        num_steps=5,
        compile=False,
        progress=False,
    )
    return engine.fit(data)


def fitted(model, data, guide, num_steps=400):
    pyro.set_rng_seed(2)
    return inference.SVI(model, guide, num_steps=num_steps, lr=0.1, progress=False).fit(
        data
    )


def prior_mean_square():
    return WIDTH**2


def test_the_sampler_infers_the_posterior_of_the_scale(sampled, reference):
    """Two moments are tested: the false alarm rate is 1e-5."""
    scales = sampled.draws[SITE]  # (C, S)
    assert off_chains(scales, reference.mean()) < LIMIT
    assert off_chains(scales.square(), reference.mean(2.0)) < LIMIT
    # With the mean of the prior:
    assert off_chains(scales, torch.tensor(WIDTH * (2 / torch.pi) ** 0.5)) > LIMIT
    assert off_chains(scales.square(), reference.mean()) > LIMIT


def test_prediction_averages_the_inferred_variance(sampled, reference, data):
    """The aleatoric variance is the same at every input: E[scale² | data]."""
    prediction = sampled.predict(data[0])
    assert torch.allclose(
        prediction.aleatoric, sampled.draws[SITE].square().mean().expand(25, 1)
    )
    # The standard error of a hundred effective draws, which is a low estimate of them.
    error = sampled.draws[SITE].square().std() / 10
    assert (prediction.aleatoric - reference.mean(2.0)).abs().max() < LIMIT * error
    assert (prediction.aleatoric - prior_mean_square()).abs().min() > LIMIT * error


def test_the_predictive_density_is_the_exact_mixture(sampled, reference, data):
    """Compare the density of three targets, with the coefficients and the scale integrated out.

    The false alarm rate for the three is 2e-5.
    """
    features, y = exact.features(data[0]), data[1].squeeze(-1)
    x, at = data[0][:1], exact.features(data[0][:1])
    distributions = [
        exact.predictive(
            at, exact.linear_posterior(features, y, float(scale), PRIOR_SCALE), scale
        )
        for scale in reference.scale
    ]
    targets = distributions[0].mean + torch.tensor(
        [-1.0, 0.0, 1.0], dtype=torch.float64
    )
    density = torch.stack(
        [distribution.log_prob(targets).exp() for distribution in distributions]
    )  # (G, 3)

    prediction = sampled.predict(x)
    draws = prediction.distribution.log_prob(targets).squeeze(1).exp()  # (S, 3)
    for target, mean in zip(targets, draws.mean(0), strict=True):
        assert torch.allclose(prediction.log_prob(target.reshape(1, 1)), mean.log())
    chains = draws.reshape(2, -1, 3)
    assert off_chains(chains, reference.weight @ density) < LIMIT
    from_prior = (-reference.scale.square() / (2 * WIDTH**2)).softmax(0)
    assert off_chains(chains, from_prior @ density) > LIMIT


@pytest.mark.parametrize(
    "make",
    [guides.MeanField, guides.LocalReparam, AutoNormal],
    ids=["MeanField", "LocalReparam", "AutoNormal"],
)
def test_one_draw_of_a_guide_predicts_with_its_own_scale_as_many_draws_do(
    model, data, reference, make
):
    posterior = fitted(model, data, make(model))
    many = posterior.predict(data[0], num_samples=4000)
    ones = torch.stack(
        [
            posterior.predict(data[0][:2], num_samples=1).aleatoric[0, 0]
            for _ in range(150)
        ]
    )
    assert off(ones, many.aleatoric[0, 0]) < LIMIT
    assert off(ones, prior_mean_square()) > LIMIT
    assert ones.std() > 0  # each draw has its own scale
    # A lognormal is close to the posterior of the scale.
    assert abs(many.aleatoric[0, 0] / reference.mean(2.0) - 1) < 0.15


def test_one_draw_of_a_sampler_predicts_with_its_own_scale(sampled, data):
    prediction = sampled.predict(data[0], num_samples=1)
    assert torch.allclose(
        prediction.aleatoric, sampled.draws[SITE][0, 0].square().expand(25, 1)
    )
    assert torch.equal(prediction.epistemic, torch.zeros(25, 1, dtype=torch.float64))
    assert prediction.log_prob(data[1]).shape == (25,)


OF_WEIGHTS = [name for name in cases.OURS if ("WeightPrior", name) not in cases.REFUSED]
OFTEN = ("Delta", "MeanField", "LocalReparam", "MCDropout", "LastLayer", "Mixture")


@pytest.mark.parametrize("name", cases.first(OF_WEIGHTS, OFTEN))
def test_every_guide_learns_the_scale(model, data, name):
    """The data say that the variance is 0.25, the prior says 4; dropped inputs add to it."""
    posterior = fitted(model, data, cases.GUIDES[name](model))
    assert 0.1 < posterior.predict(data[0], num_samples=500).aleatoric.mean() < 1.0


def test_a_scale_for_each_output_stays_with_its_output():
    """The scales of two outputs differ by a factor of ten: swapped or averaged ones are wrong."""
    pyro.set_rng_seed(3)
    x = torch.randn(60, 2, dtype=torch.float64)
    noise = torch.tensor([0.1, 1.0], dtype=torch.float64)
    y = x + noise * torch.randn(60, 2, dtype=torch.float64)
    likelihood = likelihoods.Gaussian(dist.HalfNormal(torch.tensor([2.0, 2.0])))
    network = networks.MLP(2, 2, hidden=[]).double()
    model = zoo.BayesianNetwork(
        network, priors.WeightPrior(dist.Normal(0.0, 1.0)), likelihood
    )
    posterior = fitted(model, (x, y), guides.MeanField(model), num_steps=500)
    for num_samples in (1, 200):
        std = posterior.predict(x, num_samples=num_samples).aleatoric.sqrt()
        assert std.shape == (60, 2)
        assert ((std / noise).log().abs() < 0.5).all()
        assert ((std.flip(-1) / noise).log().abs() > 0.5).all()
