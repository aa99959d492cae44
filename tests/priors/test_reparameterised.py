"""Non-centred tensors: the same prior and posterior, draws of the tensors, no divergences."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from monte_carlo import LIMIT, apart, off, one_thread  # noqa: F401
from pyro.infer.reparam import LocScaleReparam, TransformReparam
from torch import nn

import guides
import zoo
from zoo import inference, likelihoods, priors
from zoo.posterior.model_description import describe_model

NOISE = 0.5
X = torch.randn(12, 3, generator=torch.Generator().manual_seed(1))
Y = X @ torch.tensor([[1.0], [-0.5], [0.2]]) + NOISE * torch.randn(
    12, 1, generator=torch.Generator().manual_seed(2)
)
SHORT = {"warmup_steps": 5, "num_samples": 6, "progress": False, "compile": False}
DECENTRED = {"weight": LocScaleReparam(0.0)}


def regression(prior):
    network = nn.Linear(3, 1, bias=False)
    with torch.no_grad():
        network.weight.fill_(0.7)

    return zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(NOISE))


def hierarchical(centred, by="layer", loc=0.0):
    scale = dist.HalfNormal(1.0)
    rule = priors.Hierarchical(scale, by=by, loc=loc, centred=centred)
    return regression(priors.WeightPrior(rule))


def normal(reparam=None, scale=2.0):
    prior = priors.WeightPrior(dist.Normal(1.0, scale))
    if reparam is not None:
        prior = priors.Reparameterised(prior, {"weight": reparam})

    return regression(prior)


def log_normal():
    transform = torch.distributions.transforms.ExpTransform()
    prior = dist.TransformedDistribution(dist.Normal(0.3, 0.5), [transform])
    config = {"weight": TransformReparam()}
    return regression(priors.Reparameterised(priors.WeightPrior(prior), config))


# The sites, and the tensors computed from them


def test_the_sites_of_weights_that_are_not_centred():
    shapes = {
        name: tuple(prior.shape())
        for name, prior in hierarchical(centred=False, by="input").latents.items()
    }
    assert shapes == {"prior:weight.scale": (3,), "weight_decentered": (1, 3)}
    assert "centred=False" in repr(hierarchical(centred=False))
    assert "centred" not in repr(hierarchical(centred=True))


@pytest.mark.parametrize("by", ["layer", "input", "weight"])
def test_weights_are_the_scale_times_standardised_weights(by):
    model = hierarchical(centred=False, by=by, loc=1.0)
    draws = model.prior_draws(50)
    scale = draws["prior:weight.scale"].reshape(50, 1, -1)
    expected = 1.0 + scale * draws["weight_decentered"]
    assert torch.allclose(draws["weight"], expected)


def test_the_prior_is_the_same():
    torch.manual_seed(0)
    centred = hierarchical(centred=True).prior_draws(20_000)["weight"]
    other = hierarchical(centred=False).prior_draws(20_000)["weight"]
    assert apart(centred.square(), other.square()) < LIMIT
    assert apart(centred.abs(), other.abs()) < LIMIT
    assert apart(centred.abs(), 1.1 * other.abs()) > LIMIT
    assert off(normal(LocScaleReparam(0.0)).prior_draws(20_000)["weight"], 1.0) < LIMIT


@pytest.mark.parametrize("centred", [0.0, 0.5])
def test_the_first_value_of_the_weights_is_that_of_the_network(centred):
    model = normal(LocScaleReparam(centred))
    init = model.plan.inits(model.network)
    assert list(init) == ["weight_decentered"]
    weight = model.plan.complete(model.network, init)["weight"]
    assert torch.allclose(weight, torch.tensor(0.7))


def test_weights_that_stay_centred_keep_their_site():
    assert list(normal(LocScaleReparam(1.0)).latents) == ["weight"]


def test_a_transformed_distribution_is_sampled_in_its_base():
    model = log_normal()
    assert list(model.latents) == ["weight_base"]
    draws = model.prior_draws(20)
    assert torch.allclose(draws["weight"], draws["weight_base"].exp())


# Posteriors


def exact_posterior(scale=2.0):
    """Return mean and covariance of the weights of the normal prior."""
    precision = X.T @ X / NOISE**2 + torch.eye(3) / scale**2
    covariance = precision.inverse()
    mean = covariance @ (X.T @ Y / NOISE**2 + 1.0 / scale**2)
    return mean.flatten(), covariance


def test_a_sampler_finds_the_exact_posterior_of_the_weights():
    settings = {**SHORT, "warmup_steps": 60, "num_samples": 60}
    engine = inference.NUTS(normal(LocScaleReparam(0.0)), num_chains=24, **settings)
    posterior = engine.fit((X, Y))
    weights = posterior.sample()["weight"].flatten(1).double()

    mean, covariance = exact_posterior()
    error = (weights.mean(0) - mean).abs() / covariance.diagonal().sqrt()
    assert error.max() < 0.2
    ratio = weights.var(0) / covariance.diagonal()
    assert 0.75 < ratio.min() < ratio.max() < 1.3
    standardised = posterior.sample()["weight_decentered"].flatten(1)
    assert torch.allclose(1.0 + 2.0 * standardised, weights.float(), atol=1e-5)


def test_a_guide_finds_the_exact_mean_and_gives_the_weights():
    model = normal(LocScaleReparam(0.0))
    options = {"num_steps": 800, "lr": 0.02, "num_particles": 4, "progress": False}
    engine = inference.SVI(model, guides.FullRank(model), **options)
    weights = engine.fit((X, Y)).sample(2000)["weight"].flatten(1)
    mean, covariance = exact_posterior()
    error = (weights.mean(0) - mean).abs() / covariance.diagonal().sqrt()
    assert error.max() < 0.8
    spread = weights.std(0) / covariance.diagonal().sqrt()
    assert 0.8 < spread.min() < spread.max() < 1.25


@pytest.fixture(scope="module")
def sampled():
    engine = inference.NUTS(hierarchical(centred=False), num_chains=2, **SHORT)
    return engine.fit((X, Y))


def test_draws_arviz_and_files_have_the_weights(sampled, tmp_path):
    assert sampled.draws["weight"].shape == (2, 6, 1, 3)
    assert "weight" in sampled.to_arviz((X, Y)).posterior
    sampled.save(tmp_path / "posterior")
    again = zoo.load(tmp_path / "posterior", hierarchical(centred=False))
    assert torch.equal(again.draws["weight"], sampled.draws["weight"])
    assert torch.equal(again.predict(X).mean, sampled.predict(X).mean)


def test_predictions_are_those_of_the_weights(sampled):
    weights = sampled.sample()["weight"]
    expected = torch.einsum("ni,soi->sno", X, weights)
    assert torch.allclose(sampled.predict(X).functions, expected, atol=1e-5)


def test_the_posterior_of_the_other_coordinates_is_refused(sampled):
    with pytest.raises(ValueError, match="they differ at"):
        zoo.inference.HMC(hierarchical(True), init=sampled, **SHORT).fit((X, Y))

    engine = zoo.inference.HMC(hierarchical(False), init=sampled, num_steps=2, **SHORT)
    assert engine.fit((X, Y)).draws["weight"].shape == (4, 6, 1, 3)


def test_pyros_handler_over_a_network_is_a_network():
    model = pyro.poutine.reparam(normal(), config=dict(DECENTRED))
    posterior = inference.HMC(model, num_steps=2, **SHORT).fit((X, Y))
    assert set(posterior.draws) == {"weight", "weight_decentered"}
    assert posterior.predict(X).mean.shape == (12, 1)

    guide = guides.MeanField(model)
    fitted = inference.SVI(model, guide, num_steps=2, progress=False).fit((X, Y))
    assert set(fitted.sample(2)) == {"weight", "weight_decentered"}


def test_another_scale_of_a_reparameterised_prior_is_another_model():
    one, other = normal(LocScaleReparam(0.0)), normal(LocScaleReparam(0.0), scale=3.0)
    again = normal(LocScaleReparam(0.0))
    assert describe_model(one) != describe_model(other)
    assert describe_model(one) == describe_model(again)


# What non-centred weights are for


def deep_hierarchy(centred):
    """Four inputs without any data on them: their posterior is the prior, a funnel."""
    network = nn.Linear(8, 1, bias=False)
    rule = priors.Hierarchical(dist.LogNormal(0.0, 2.0), by="layer", centred=centred)
    return zoo.BayesianNetwork(
        network, priors.WeightPrior(rule), likelihoods.Gaussian(1.0)
    )


@pytest.mark.filterwarnings("ignore:HMC")  # the centred one
@pytest.mark.parametrize(("centred", "is_bad"), [(True, True), (False, False)])
def test_weights_that_are_not_centred_have_no_funnel(centred, is_bad):
    data = (torch.zeros(2, 8), torch.zeros(2, 1))
    options = {"num_chains": 16, "warmup_steps": 60, "num_samples": 60}
    settings = {**SHORT, **options, "num_steps": 10, "init": "prior"}
    info = inference.HMC(deep_hierarchy(centred), **settings).fit(data).info
    assert (float(info.bfmi.min()) < 0.3) == is_bad
    assert is_bad or not info.diverging.any()


# Refusals


@pytest.mark.parametrize(
    ("prior", "config", "error", "sentence"),
    [
        (
            None,
            {"bias": LocScaleReparam(0.0)},
            ValueError,
            "'bias', which is no random",
        ),
        (None, {"weight": 0.0}, TypeError, r"config\['weight'\] must be a reparam"),
        (
            None,
            {"weight": LocScaleReparam()},
            ValueError,
            r"write LocScaleReparam\(0.0",
        ),
        (
            None,
            {"weight": TransformReparam()},
            ValueError,
            "does not fit site 'weight'",
        ),
        (dist.Gamma(2.0, 1.0), DECENTRED, ValueError, "LocScaleReparam does not fit"),
    ],
)
def test_what_cannot_be_reparameterised_is_refused(prior, config, error, sentence):
    rule = priors.WeightPrior(prior or dist.Normal(0.0, 1.0))
    with pytest.raises(error, match=sentence):
        regression(priors.Reparameterised(rule, config))


def test_what_is_no_prior_is_refused():
    with pytest.raises(TypeError, match="prior must be an object such as"):
        priors.Reparameterised(dist.Normal(0.0, 1.0), {})
