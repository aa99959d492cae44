"""Posteriors in ArviZ: groups, values, shapes, for a sampler and for a guide."""

import warnings

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch

import guides
import zoo
from zoo import inference, likelihoods, networks, priors
from zoo.posterior.labelled import load_arviz

# a run this short may diverge somewhere on one processor and not on another
pytestmark = pytest.mark.filterwarnings("ignore:HMC.*draws diverged")

x, y = (
    torch.randn(12, 3, generator=torch.Generator().manual_seed(0)),
    torch.zeros(12, 1),
)


@pytest.fixture(scope="module")
def model():
    return zoo.BayesianNetwork(
        networks.MLP(3, 1, hidden=[4]),
        priors.WeightPrior(dist.Normal(0.0, 1.0)),
        likelihoods.Gaussian(dist.HalfNormal(1.0)),
    )


@pytest.fixture(scope="module")
def sampled(model):
    pyro.set_rng_seed(0)
    engine = inference.HMC(
        model,
        num_chains=2,
        warmup_steps=120,
        num_samples=50,
        num_steps=5,
        progress=False,
        compile=False,
    )
    return engine.fit((x, y))


@pytest.fixture(scope="module")
def fitted(model):
    pyro.set_rng_seed(0)
    return inference.SVI(
        model, guides.MeanField(model), num_steps=5, progress=False
    ).fit((x, y))


def test_a_sampler_gives_all_groups(sampled):
    results = sampled.to_arviz((x, y))
    assert results["posterior"]["layer1.weight"].shape == (2, 50, 4, 3)
    assert results["log_likelihood"]["y"].shape == (2, 50, 12)
    assert results["posterior_predictive"]["y"].shape == (2, 50, 12, 1)
    assert results["observed_data"]["y"].shape == (12, 1)
    assert set(results["sample_stats"].data_vars) == {
        "acceptance_rate",
        "diverging",
        "energy",
        "n_steps",
        "lp",
        "step_size",
    }
    np.testing.assert_array_equal(
        results["posterior"]["layer1.bias"].values, sampled.draws["layer1.bias"].numpy()
    )


def test_the_log_likelihood_is_that_of_each_draw(sampled):
    results = sampled.to_arviz((x, y))
    draws = {name: value.flatten(0, 1) for name, value in sampled.draws.items()}
    by_hand = []
    for index in range(100):
        f = sampled.model.output(
            {name: value[index] for name, value in draws.items()}, x
        )
        by_hand.append(
            dist.Normal(f, draws["likelihood:scale"][index]).log_prob(y).sum(-1)
        )
    expected = torch.stack(by_hand).reshape(2, 50, 12).detach().numpy()
    np.testing.assert_allclose(
        results["log_likelihood"]["y"].values, expected, rtol=1e-4, atol=1e-5
    )


def test_a_guide_is_one_chain_without_sampler_statistics(fitted):
    results = fitted.to_arviz((x, y), num_samples=30)
    groups = {
        name.strip("/")
        for name in (results.groups() if callable(results.groups) else results.groups)
    }
    assert results["posterior"]["layer1.weight"].shape == (1, 30, 4, 3)
    assert "sample_stats" not in groups


def test_weights_can_stay_out(fitted):
    results = fitted.to_arviz((x, y), num_samples=30, weights=False)
    assert set(results["posterior"].data_vars) == {"likelihood:scale"}


def test_classes_have_integer_predictions():
    torch.manual_seed(0)
    model = zoo.BayesianNetwork(
        networks.MLP(3, 4, hidden=[]),
        priors.WeightPrior(dist.Normal(0.0, 1.0)),
        likelihoods.Categorical(),
    )
    labels = torch.arange(12) % 4
    posterior = inference.SVI(
        model, guides.MeanField(model), num_steps=2, progress=False
    ).fit((x, labels))
    results = posterior.to_arviz((x, labels), num_samples=10, weights=False)
    assert results["posterior_predictive"]["y"].shape == (1, 10, 12)
    assert results["log_likelihood"]["y"].shape == (1, 10, 12)


def test_loo_runs_on_both(sampled, fitted):
    arviz = load_arviz()
    for posterior in (sampled, fitted):
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # short runs have large Pareto k, and ArviZ says so
            assert arviz.loo(posterior.to_arviz((x, y))) is not None


@pytest.mark.parametrize("source", ["sampled", "fitted"])
def test_function_values_are_variables(source, request):
    posterior = request.getfixturevalue(source)
    pyro.set_rng_seed(1)
    results = posterior.to_arviz(
        (x, y), num_samples=None if source == "sampled" else 30, weights=False, x=x[:4]
    )
    chains, draws = (2, 50) if source == "sampled" else (1, 30)
    assert results["posterior"]["f"].shape == (chains, draws, 4, 1)
    if source == "sampled":
        expected = posterior.predict(x[:4]).functions.reshape(2, 50, 4, 1).numpy()
        np.testing.assert_allclose(
            results["posterior"]["f"].values, expected, rtol=1e-5, atol=1e-6
        )
    summary = load_arviz().summary(results, var_names=["f"])
    assert len(summary) == 4


def test_the_prior_stands_beside(sampled):
    results = sampled.to_arviz((x, y), num_prior_samples=20)
    assert results["prior"]["layer1.weight"].shape == (1, 20, 4, 3)
    assert results["prior_predictive"]["y"].shape == (1, 20, 12, 1)
    assert "prior_predictive" not in str(sampled.to_arviz(num_prior_samples=5))
