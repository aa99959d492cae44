"""Temperatures against Bayesian linear regression, whose tempered posteriors are normal and known.

A temperature T of the whole posterior multiplies its covariance. One of the likelihood
multiplies the scale of the noise by its root. Each check also rejects a posterior that is
tempered in the wrong place. Means are compared within 4.5 standard errors.
"""

import math

import cases
import exact
import pyro
import pyro.distributions as dist
import pytest
import torch
from monte_carlo import LIMIT, apart, off, off_chains, one_thread, repeat  # noqa: F401
from pyro.infer.autoguide import AutoNormal

import guides
import zoo
from zoo import datasets, inference, likelihoods, networks, priors
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.svi.elbo import elbo
from zoo.inference.tempering import Tempering

NOISE, PRIOR_SCALE = (
    0.5,
    0.4,
)  # a weak prior would make both temperatures equal
SITES = ("layer1.weight", "layer1.bias")
TEMPERATURES = [(0.3, 1.0), (1.0, 4.0), (2.0, 0.25)]  # whole, likelihood


class Linear:
    """A linear model in float64 and its posterior at any temperature."""

    def __init__(self):
        data = datasets.toy.linear(
            num_data=12, noise=NOISE, prior_scale=PRIOR_SCALE, correlation=0.8
        )
        self.x, self.y = data.train.x.double(), data.train.y.double()
        prior = priors.WeightPrior(dist.Normal(0.0, PRIOR_SCALE))
        self.model = zoo.BayesianNetwork(
            networks.MLP(3, 1, hidden=[]).double(), prior, likelihoods.Gaussian(NOISE)
        )
        self.features, self.targets = exact.features(self.x), self.y.squeeze(-1)

    def posterior(self, whole, likelihood):
        """Return mean, covariance, precision and log integral of the tempered joint density."""
        warm = exact.linear_posterior(
            self.features, self.targets, NOISE * likelihood**0.5, PRIOR_SCALE
        )
        mean = warm.mean
        log_joint = (
            dist.Normal(self.features @ mean, NOISE).log_prob(self.targets).sum()
            / likelihood
        )
        log_joint = log_joint + dist.Normal(0.0, PRIOR_SCALE).log_prob(mean).sum()
        volume = 0.5 * len(mean) * math.log(2 * math.pi * whole) - 0.5 * torch.logdet(
            warm.precision
        )
        return (
            mean,
            whole * warm.covariance,
            warm.precision / whole,
            log_joint / whole + volume,
        )


@pytest.fixture(scope="module")
def linear():
    pyro.set_rng_seed(0)
    return Linear()


def place(guide, loc, scale):
    """Set a mean-field guide to given coefficients."""
    with torch.no_grad():
        for name, part in zip(SITES, (slice(0, -1), slice(-1, None)), strict=True):
            guide.loc[name].copy_(loc[part].reshape(guide.loc[name].shape))
            guide.rho[name].copy_(
                scale[part].expm1().log().reshape(guide.rho[name].shape)
            )
    return guide


def elbos(linear, guide, tempering, num_samples):
    return repeat(
        lambda: elbo(linear.model, guide, linear.x, linear.y, tempering=tempering),
        num_samples,
        traced=True,
    )


def gradients(linear, guide, tempering, num_samples):
    parameters = list(guide.parameters())

    def gradient():
        value = elbo(linear.model, guide, linear.x, linear.y, tempering=tempering)
        return torch.cat(
            [part.flatten() for part in torch.autograd.grad(value, parameters)]
        )

    return repeat(gradient, num_samples, traced=True)


@pytest.mark.parametrize(
    "family",
    [pytest.param(guides.MeanField, marks=pytest.mark.full), guides.LocalReparam],
)
@pytest.mark.parametrize(("whole", "likelihood"), TEMPERATURES)
def test_the_gradient_is_zero_at_the_tempered_optimum_and_at_no_other(
    linear, family, whole, likelihood
):
    pyro.set_rng_seed(1)

    def off_at(*temperatures):
        mean, _, precision, _ = linear.posterior(*temperatures)
        guide = place(family(linear.model), mean, precision.diagonal().rsqrt())
        return off(gradients(linear, guide, Tempering(whole, likelihood), 300), 0.0)

    assert off_at(whole, likelihood) < LIMIT
    assert off_at(1.0, 1.0) > LIMIT  # not tempered
    assert off_at(likelihood, whole) > LIMIT  # the wrong part tempered
    if whole != 1.0:
        assert off_at(1.0, likelihood) > LIMIT  # the entropy tempered too
        assert off_at(whole**2, likelihood) > LIMIT


@pytest.mark.parametrize(("whole", "likelihood"), TEMPERATURES)
def test_the_tempered_bound_is_the_log_integral_less_the_gap(linear, whole, likelihood):
    pyro.set_rng_seed(2)
    mean, _, precision, log_integral = linear.posterior(whole, likelihood)
    guide = place(guides.MeanField(linear.model), mean, precision.diagonal().rsqrt())
    draws = elbos(linear, guide, Tempering(whole, likelihood), 400)
    best = log_integral - exact.mean_field_gap(precision)
    assert off(draws, best) < LIMIT
    plain = elbos(linear, guide, Tempering(), 400)
    for wrong in (plain, plain / whole, plain / likelihood):
        assert off(wrong, best) > LIMIT


@pytest.mark.parametrize("family", [guides.MeanField, guides.LocalReparam])
def test_a_cold_fit_is_narrower_by_the_root_of_its_temperature(linear, family):
    pyro.set_rng_seed(3)
    engine = inference.SVI(
        linear.model,
        family(linear.model),
        num_steps=700,
        lr=0.1,
        scheduler=lambda optimizer: torch.optim.lr_scheduler.ExponentialLR(
            optimizer, 0.01 ** (1 / 700)
        ),
        temperature=0.25,
        progress=False,
    )
    posterior = engine.fit((linear.x, linear.y))
    mean, _, precision, _ = linear.posterior(0.25, 1.0)
    scale = torch.cat([posterior.guide.scale(name).flatten() for name in SITES])
    loc = torch.cat([posterior.guide.loc[name].flatten() for name in SITES])
    assert (
        scale * precision.diagonal().sqrt()
    ).log().abs().max() < 0.15  # the wrong answer is off by log 2
    assert ((loc - mean).abs() * precision.diagonal().sqrt()).max() < 0.5


def test_nuts_draws_from_the_tempered_posterior_and_from_no_other(linear):
    pyro.set_rng_seed(4)
    whole, likelihood = 0.3, 4.0
    engine = inference.NUTS(
        linear.model,
        num_chains=16,
        warmup_steps=50,
        num_samples=50,
        temperature=whole,
        likelihood_temperature=likelihood,
        compile=False,
        progress=False,
    )
    values = engine.fit((linear.x, linear.y)).draws
    draws = torch.cat([values[SITES[0]].flatten(-2), values[SITES[1]]], -1)

    def off_by(*temperatures):
        mean, covariance, _, _ = linear.posterior(*temperatures)
        centred = draws - mean
        squares = centred.unsqueeze(-1) * centred.unsqueeze(-2)
        return max(off_chains(draws, mean), off_chains(squares, covariance))

    assert off_by(whole, likelihood) < LIMIT
    for wrong in (
        (1.0, 1.0),
        (1.0, likelihood),
        (whole, 1.0),
        (likelihood, whole),
        (whole * likelihood, 1.0),
    ):
        assert off_by(*wrong) > LIMIT, wrong


def test_the_jacobian_of_the_potential_is_not_tempered():
    torch.manual_seed(0)
    network = networks.MLP(2, 1, hidden=[3])
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    model = zoo.BayesianNetwork(
        network, prior, likelihoods.Gaussian(dist.HalfNormal(1.0))
    )
    x, y = torch.randn(12, 2), torch.randn(12, 1)
    energy = Potential(model, x, y, tempering=Tempering(0.5, 4.0))
    values = {name: site.sample() for name, site in model.latents.items()}
    prior = sum(site.log_prob(values[name]) for name, site in model.latents.items())
    likelihood = (
        dist.Normal(model.output(values, x), values["likelihood:scale"])
        .log_prob(y)
        .sum()
    )
    jacobian = values["likelihood:scale"].log()
    value = energy.energy(energy.pack(values))
    assert torch.allclose(value, -(likelihood / 4 + prior) / 0.5 - jacobian, rtol=1e-4)
    wrong = -(likelihood / 4 + prior + jacobian) / 0.5
    assert not torch.allclose(value, wrong, rtol=1e-4)


def test_hmc_is_tempered_too(monkeypatch):
    seen = []
    monkeypatch.setattr(
        inference.HMC,
        "kernel",
        lambda self, potential, q, options: seen.append(potential) or 1 / 0,
    )
    model = cases.model("MLP", "WeightPrior", "Gaussian")
    engine = inference.HMC(
        model,
        temperature=0.5,
        likelihood_temperature=3.0,
        compile=False,
        progress=False,
    )
    with pytest.raises(ZeroDivisionError):
        engine.fit(cases.data("MLP", "Gaussian"))
    assert seen[0].tempering == Tempering(0.5, 3.0)


# One distribution q in different forms


def test_a_guide_of_auxiliary_sites_and_jacobians_has_the_same_tempered_bound():
    torch.manual_seed(0)
    noise = likelihoods.Gaussian(dist.HalfNormal(1.0))
    prior = priors.WeightPrior(priors.Frozen())
    model = zoo.BayesianNetwork(networks.MLP(2, 1, hidden=[]).double(), prior, noise)
    x, y = torch.randn(8, 2).double(), torch.randn(8, 1).double()
    ours, theirs = (
        guides.MeanField(model, init_scale=0.2),
        AutoNormal(model, init_scale=0.2),
    )
    theirs()
    ours.loc["likelihood:scale"].data.fill_(
        0.7
    )  # the logarithm of the scale, and so the Jacobian's
    getattr(theirs.locs, "likelihood:scale").data.fill_(0.7)
    tempering = Tempering(0.4, 2.0)
    first, second = (
        repeat(lambda g=g: elbo(model, g, x, y, tempering=tempering), 2000, traced=True)
        for g in (ours, theirs)
    )
    assert apart(first, second) < LIMIT
    assert (
        apart(first, second + (1 / 0.4 - 1) * 0.7) > LIMIT
    )  # a Jacobian that was tempered


def test_a_mixture_of_equal_components_has_the_bound_of_one():
    torch.manual_seed(0)
    prior = priors.NodePrior(dist.Normal(1.0, 0.3), weights=priors.Frozen())
    model = zoo.BayesianNetwork(
        networks.MLP(2, 1, hidden=[3]).double(), prior, likelihoods.Gaussian(0.5)
    )
    x, y = torch.randn(8, 2).double(), torch.randn(8, 1).double()
    tempering = Tempering(0.4, 2.0)
    mixture = guides.NodeMixture(
        model, num_components=2, init_scale=0.2, init_spread=0.0
    )
    one = guides.MeanField(model, init_scale=0.2)
    first, second = (
        repeat(lambda g=g: elbo(model, g, x, y, tempering=tempering), 800, traced=True)
        for g in (mixture, one)
    )
    assert apart(first, second) < LIMIT
    entropy = dist.Normal(0.0, 0.2).entropy() * 5  # nodes
    assert (
        apart(first, second + (1 / 0.4 - 1) * entropy) > LIMIT
    )  # an entropy that was tempered


def test_the_prior_of_a_point_estimate_is_a_prior():
    torch.manual_seed(0)
    rule = priors.by_name(
        {"*bias": dist.Normal(0.0, 0.7)}, otherwise=priors.Point(dist.Normal(0.0, 1.5))
    )
    model = zoo.BayesianNetwork(
        networks.MLP(2, 1, hidden=[]).double(),
        priors.WeightPrior(rule),
        likelihoods.Gaussian(0.5),
    )
    x, y = torch.randn(8, 2).double(), torch.randn(8, 1).double()
    weight, bias = model.network.layer1.weight, model.network.layer1.bias
    log_prior = (
        dist.Normal(0.0, 1.5).log_prob(weight).sum()
        + dist.Normal(0.0, 0.7).log_prob(bias).sum()
    )
    log_likelihood = dist.Normal(model.network(x), 0.5).log_prob(y).sum()
    with pyro.get_param_store().scope():
        value = elbo(model, guides.Delta(model), x, y, tempering=Tempering(0.5, 3.0))
    assert torch.allclose(value, (log_likelihood / 3 + log_prior) / 0.5)
    points = dist.Normal(0.0, 1.5).log_prob(weight).sum()
    assert not torch.allclose(
        value, (log_likelihood / 3 + log_prior + (1 / 3 - 1) * points) / 0.5
    )


# What is reported


def test_a_tempered_fit_says_so_and_bounds_nothing(tmp_path):
    model = cases.model("MLP", "WeightPrior", "Gaussian")
    data = cases.data("MLP", "Gaussian")

    def fit(**temperatures):
        return inference.SVI(
            model, guides.MeanField(model), num_steps=1, progress=False, **temperatures
        ).fit(data)

    assert fit().info.bound is True
    assert fit(temperature=0.5).info.bound is False
    posterior = fit(likelihood_temperature=2.0)
    assert posterior.info.bound is False
    posterior.save(tmp_path / "posterior")
    info = zoo.load(tmp_path / "posterior", model, guide=guides.MeanField(model)).info
    assert (info.temperature, info.likelihood_temperature) == (1.0, 2.0)


def test_a_tempered_chain_says_so():
    model = cases.model("MLP", "WeightPrior", "Gaussian")
    engine = inference.NUTS(
        model, num_chains=1, max_tree_depth=2, temperature=0.1, **cases.SHORT
    )
    info = engine.fit(cases.data("MLP", "Gaussian")).info
    assert (info.temperature, info.likelihood_temperature) == (0.1, 1.0)


@pytest.mark.parametrize("value", [0.0, -1.0, math.inf, math.nan])
@pytest.mark.parametrize("name", ["temperature", "likelihood_temperature"])
def test_a_temperature_is_positive(name, value):
    model = cases.model("MLP", "WeightPrior", "Gaussian")
    sentence = (
        rf"^{name} divides a log density and must be positive and finite, not {value}; "
        "write 1.0 for the posterior"
    )
    with pytest.raises(ValueError, match=sentence):
        inference.SVI(model, guides.Delta(model), **{name: value})
    for engine in (inference.HMC, inference.NUTS):
        with pytest.raises(ValueError, match=sentence):
            engine(model, **{name: value})
