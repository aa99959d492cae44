"""Annealed importance sampling against the exact posterior and evidence of linear regression."""

import math

import exact
import pyro
import pyro.distributions as dist
import pytest
import torch
from monte_carlo import LIMIT, above, off, one_thread  # noqa: F401

import zoo
from zoo import datasets, inference, likelihoods, networks, priors
from zoo.posterior import NoBound

LINEAR = datasets.toy.linear(num_data=20, num_inputs=2)


def build(prior=None):
    prior = prior or dist.Normal(0.0, LINEAR.prior_scale)
    network = networks.MLP(2, 1, hidden=[])
    likelihood = likelihoods.Gaussian(LINEAR.noise)
    return zoo.BayesianNetwork(network, priors.WeightPrior(prior), likelihood)


def fit(num_steps, num_particles=400):
    pyro.set_rng_seed(0)
    engine = inference.AIS(
        build(),
        num_particles=num_particles,
        num_steps=num_steps,
        compile=False,
        progress=False,
    )
    return engine.fit(LINEAR.train)


@pytest.fixture(scope="module")
def posterior():
    return fit(600)


def coefficients(posterior):
    draws = posterior.sample()
    weight = draws["layer1.weight"].flatten(1)
    return torch.cat([weight, draws["layer1.bias"]], -1).double()


def test_particles_are_draws_of_the_posterior(posterior):
    exact = LINEAR.exact
    draws = coefficients(posterior)
    centred = draws - exact.mean
    squares = centred.square()
    assert off(draws, exact.mean) < LIMIT
    assert off(squares, exact.covariance.diagonal()) < LIMIT
    assert off(centred[:, 0] * centred[:, 1], exact.covariance[0, 1]) < LIMIT

    prior = coefficients(fit(2))  # what two steps reach is near the prior still
    assert off((prior - exact.mean).square(), exact.covariance.diagonal()) > 2 * LIMIT


def test_mean_log_weight_is_below_the_evidence_and_the_mean_weight_is_unbiased(
    posterior,
):
    log_weights, evidence = posterior.info.log_weights, LINEAR.exact.log_evidence
    assert above(log_weights, evidence) < LIMIT
    assert off((log_weights - evidence).exp(), 1.0) < LIMIT

    likelihood = posterior.predict(LINEAR.train.x).pointwise(LINEAR.train.y).sum(-1)
    assert above(likelihood.double(), evidence) > 2 * LIMIT  # no prior in it

    short = fit(30)
    assert above(short.info.log_weights, evidence) < LIMIT
    assert off((short.info.log_weights - evidence).exp(), 1.0) < LIMIT
    assert short.info.bound.value > posterior.info.bound.value  # and a looser bound


def test_bound_is_stated_per_datum_and_is_in_the_file(posterior, tmp_path):
    bound, error = posterior.bound(LINEAR.train)
    assert bound == pytest.approx(-float(posterior.info.log_weights.mean()) / 20)
    assert bound + LIMIT * error > -float(LINEAR.exact.log_evidence) / 20

    path = tmp_path / "posterior.safetensors"
    posterior.save(path)
    loaded = zoo.load(path, build())
    assert loaded.bound(LINEAR.train) == (bound, error)
    assert torch.equal(coefficients(loaded), coefficients(posterior))
    assert "bound" in posterior.info.summary()

    pruned = zoo.prune(posterior, 0.5)
    with pytest.raises(NoBound, match="a bound needs the density of a guide"):
        pruned.bound(LINEAR.train)


def test_weights_of_data_are_powers_of_their_densities_without_a_bound():
    pyro.set_rng_seed(0)
    weights = torch.linspace(0.2, 1.5, 20).double()
    engine = inference.AIS(
        build(), num_particles=400, num_steps=300, compile=False, progress=False
    )
    posterior = engine.fit(LINEAR.train, weights=weights.float())

    root = weights.sqrt()
    features = root[:, None] * exact.features(LINEAR.train.x.double())
    targets = root * LINEAR.train.y[:, 0].double()
    noise = LINEAR.noise
    known = exact.linear_posterior(features, targets, noise, LINEAR.prior_scale)
    constants = (1 - weights).sum() / 2 * math.log(2 * math.pi * noise**2)
    integral = known.log_evidence + constants

    draws = coefficients(posterior)
    assert off(draws, known.mean) < LIMIT
    assert off((draws - known.mean).square(), known.covariance.diagonal()) < LIMIT
    assert above(posterior.info.log_weights, integral) < LIMIT
    assert off((posterior.info.log_weights - integral).exp(), 1.0) < LIMIT
    unweighted = LINEAR.exact.log_evidence
    assert off((posterior.info.log_weights - unweighted).exp(), 1.0) > LIMIT

    with pytest.raises(NoBound, match="weights are neither 0 nor 1 have no bound"):
        posterior.bound(LINEAR.train)
    assert "bound" not in posterior.info.summary()


def test_interrupted_run_keeps_its_particles_and_has_no_bound(monkeypatch):
    path = inference.particles.annealed_path.AnnealedPath
    step = path.step

    def interrupted(self):
        if self.done == 5:
            raise KeyboardInterrupt
        step(self)

    monkeypatch.setattr(path, "step", interrupted)
    posterior = fit(50, num_particles=3)
    assert posterior.info.stopped == "interrupted after 5 of 50 steps"
    assert coefficients(posterior).shape == (3, 3)
    with pytest.raises(NoBound, match=r"reached a power of 0\.0\d+ of the likelihood"):
        posterior.bound(LINEAR.train)


def test_constrained_sites_of_a_pyro_model_against_the_conjugate_posterior():
    y = torch.tensor([1.5, 3.0, 0.8, 4.0])

    def model(y):
        rate = pyro.sample("rate", dist.Gamma(2.0, 2.0))
        with pyro.plate("data", len(y)):
            pyro.sample("y", dist.Exponential(rate), obs=y)

    pyro.set_rng_seed(1)
    engine = inference.AIS(
        model, num_particles=400, num_steps=300, compile=False, progress=False
    )
    draws = engine.fit((y,)).sample()["rate"].double()
    assert off(draws, (2 + 4) / (2 + y.sum())) < LIMIT
    assert off(draws, 2 / 2) > 2 * LIMIT  # the mean of the prior


def test_improper_priors_and_a_single_particle_are_refused():
    engine = inference.AIS(build(priors.LogUniform()), progress=False)
    with pytest.raises(ValueError, match=r"site 'layer1\.weight' is improper"):
        engine.fit(LINEAR.train)

    with pytest.raises(ValueError, match="num_particles must be at least 2, not 1"):
        inference.AIS(build(), num_particles=1)
