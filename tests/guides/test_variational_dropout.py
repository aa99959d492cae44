"""Gaussian and sparse variational dropout: two approximations of one divergence, and what they do to weights."""

import math
from functools import partial

import exact
import pyro
import pyro.distributions as dist
import pytest
import torch
import torch.nn.functional as F
from monte_carlo import LIMIT, above, off, one_thread, repeat  # noqa: F401
from torch import nn
from torch.distributions import kl_divergence

import guides
import zoo
from guides._base.log_uniform import is_log_uniform, kingma, molchanov
from guides._lazy.masks import MaskedWeight
from zoo import inference, likelihoods, networks, priors
from zoo.inference.svi.elbo import elbo

LOG_UNIFORM = priors.WeightPrior(priors.LogUniform())
NORMAL = priors.WeightPrior(dist.Normal(0.0, 1.0))


def build(prior, network=None):
    return zoo.BayesianNetwork(
        network or networks.MLP(2, 1, hidden=[3]).double(),
        prior,
        likelihoods.Gaussian(0.5),
    )


# The divergence from the log-uniform prior


def worst(approximation, log_alphas):
    return max(
        abs(
            approximation(torch.tensor(value)).item()
            - exact.log_uniform_divergence(math.exp(value))
        )
        for value in log_alphas
    )


def test_the_approximations_are_as_near_the_truth_as_they_say():
    everywhere = torch.linspace(-8.0, 8.0, 33, dtype=torch.float64).tolist()
    narrow = [value for value in everywhere if value <= 0]
    assert worst(molchanov, everywhere) < 0.01
    assert 0.01 < worst(kingma, narrow) < 0.041
    assert (
        worst(kingma, [1.0, 2.0]) > 1.0
    )  # past alpha = 1 the polynomial is no approximation

    def entropy_alone(log_alpha):
        return -0.5 * log_alpha

    def unsaturated(log_alpha):
        return molchanov(log_alpha) + 0.63576  # the constant left out

    for wrong in (entropy_alone, unsaturated, lambda log_alpha: molchanov(-log_alpha)):
        assert worst(wrong, narrow) > 0.1


def test_the_divergence_vanishes_as_the_noise_outgrows_the_weight():
    assert abs(exact.log_uniform_divergence(math.exp(12.0))) < 1e-3
    assert abs(molchanov(torch.tensor(12.0)).item()) < 1e-3


def test_a_log_uniform_prior_is_known_by_its_name_and_by_being_improper():
    assert is_log_uniform(priors.LogUniform().expand([2, 3]).to_event(2))
    assert not is_log_uniform(dist.Normal(0.0, 1.0))
    assert not is_log_uniform(dist.ImproperUniform(dist.constraints.real, (), ()))


FAMILIES = {
    "weight": (lambda m: guides.GaussianDropout(m, p=0.3, noise="weight"), kingma),
    "unit": (lambda m: guides.GaussianDropout(m, p=0.3, noise="unit"), kingma),
    "sparse": (lambda m: guides.SparseVariationalDropout(m, init_scale=0.1), molchanov),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_under_the_log_uniform_prior_the_divergence_is_the_papers(name):
    make, approximation = FAMILIES[name]
    model = build(LOG_UNIFORM)
    guide = make(model)
    assert not guide.bound
    site = guide.sites["layer1.weight"]
    own = kl_divergence(guide.distribution(site), model.latents["layer1.weight"])
    if name == "sparse":
        log_alpha = guide.log_alpha()["layer1.weight"]
    else:
        shape = (3, 2) if name == "weight" else (2,)
        log_alpha = torch.full(shape, math.log(0.3 / 0.7), dtype=torch.float64)
    assert torch.allclose(own, approximation(log_alpha).sum())
    assert not torch.allclose(own, approximation(log_alpha).mean())


def test_the_loss_differs_from_the_exact_one_by_a_constant_for_every_weight():
    """The density of the draw against the paper's divergence: the prior has no constant, the divergence the limit's."""
    pyro.set_rng_seed(0)
    model = build(LOG_UNIFORM)
    guide = guides.SparseVariationalDropout(model, init_scale=0.3)
    law, prior = (
        guide.distribution(guide.sites["layer1.weight"]),
        model.latents["layer1.weight"],
    )
    draws = law.expand([4000]).rsample()
    estimates = (law.log_prob(draws) - prior.log_prob(draws)).detach()
    normal = 0.5 * math.log(
        2 * math.pi * math.e
    )  # -E[log q] = log scale + normal; the limit is that of E[log |N(0, 1)|]
    constant = -normal - 0.6351814
    size = draws[0].numel()
    assert (
        off(estimates, kl_divergence(law, prior).detach() + size * constant)
        < LIMIT + size * 0.01
    )
    assert (
        off(estimates, kl_divergence(law, prior).detach() + 2 * size * constant)
        > 3 * LIMIT
    )


# Under proper priors


@pytest.mark.parametrize("learn", [None, "layer", "unit", "weight"])
def test_noise_of_weights_is_an_ordinary_normal_under_a_proper_prior(learn):
    model = build(NORMAL)
    guide = guides.GaussianDropout(model, p=0.2, noise="weight", learn=learn)
    assert guide.bound
    assert guide.has_density
    site = guide.sites["layer2.weight"]
    loc = guide.loc["layer2.weight"]
    normal = dist.Normal(loc, 0.5 * loc.abs()).to_event(2)
    law = guide.distribution(site)
    assert torch.allclose(law.base_dist.scale, normal.base_dist.scale)
    prior = model.latents["layer2.weight"]
    assert torch.allclose(kl_divergence(law, prior), kl_divergence(normal, prior))
    assert torch.allclose(law.log_prob(loc), normal.log_prob(loc))
    assert (
        guide.num_parameters()
        == 13 + 4 + {None: 0, "layer": 2, "unit": 5, "weight": 9}[learn]
    )


def test_noise_of_units_has_its_second_moment_in_the_divergence_and_its_own_entropy():
    model = build(NORMAL)
    guide = guides.GaussianDropout(model, p=0.2, noise="unit", learn="unit")
    assert not guide.bound
    assert not guide.has_density
    with torch.no_grad():
        guide.raw_alpha["layer1.weight"].copy_(torch.tensor([[-1.0, 0.5]]))
    loc, alpha = guide.loc["layer1.weight"], guide.alpha()["layer1.weight"]
    assert alpha.shape == (1, 2)
    own = kl_divergence(
        guide.distribution(guide.sites["layer1.weight"]), model.latents["layer1.weight"]
    )
    cross = (loc.square() * (1 + alpha) / 2).sum() + 6 * 0.5 * math.log(2 * math.pi)
    entropy = dist.Normal(torch.ones_like(alpha), alpha.sqrt()).entropy().sum()
    assert torch.allclose(own, cross - entropy)
    for wrong in (
        cross,
        cross - 3 * entropy,
        cross + entropy,
    ):  # none, one for each weight, the wrong sign
        assert not torch.allclose(own, wrong)


def test_the_noise_of_units_is_on_the_inputs_of_a_layer():
    """Mean and variance of outputs, and the covariance of two outputs of an example, which share their inputs."""
    pyro.set_rng_seed(1)
    model = build(NORMAL, nn.Linear(3, 2).double())
    guide = guides.GaussianDropout(model, p=0.3)
    loc, x = guide.loc["weight"].detach(), torch.randn(4, 3, dtype=torch.float64)
    with torch.no_grad():
        draws = torch.stack([F.linear(x, guide()["weight"]) for _ in range(2000)])
    alpha, mean = 0.3 / 0.7, x @ loc.T
    strays = draws - mean
    assert off(draws, mean) < LIMIT
    assert off(strays.square(), alpha * x.square() @ loc.square().T) < LIMIT
    assert off(strays.square(), alpha**0.5 * x.square() @ loc.square().T) > LIMIT
    shared = alpha * x.square() @ (loc[0] * loc[1])
    assert off(strays[..., 0] * strays[..., 1], shared) < LIMIT
    assert (
        off(strays[..., 0] * strays[..., 1], 0.0) > LIMIT
    )  # noise of its own for each weight
    assert isinstance(guide()["weight"], MaskedWeight)


@pytest.mark.parametrize("family", ["weight", "sparse"])
def test_the_elbo_stays_below_the_evidence_under_a_proper_prior(family):
    """From the exact posterior mean, for a weight keeps its sign."""
    pyro.set_rng_seed(2)
    x = torch.randn(30, 2, dtype=torch.float64)
    y = x @ torch.tensor([[1.0], [-0.7]], dtype=torch.float64) + 0.5 * torch.randn(
        30, 1, dtype=torch.float64
    )
    model = build(NORMAL, nn.Linear(2, 1).double())
    truth = exact.linear_posterior(exact.features(x), y.squeeze(-1), 0.5, 1.0)
    guide = (
        FAMILIES[family][0](model)
        if family == "sparse"
        else guides.GaussianDropout(model, p=0.1, noise="weight", learn="weight")
    )
    with torch.no_grad():
        guide.loc["weight"].copy_(truth.mean[:2].unsqueeze(0))
        guide.loc["bias"].copy_(truth.mean[2:])
    guide = (
        inference.SVI(model, guide, num_steps=200, lr=0.1, progress=False)
        .fit((x, y))
        .guide
    )
    draws = repeat(lambda: elbo(model, guide, x, y), 200)
    assert above(draws, truth.log_evidence) < LIMIT
    assert draws.mean() > truth.log_evidence - 3.0
    pairs = [
        (guide.distribution(site), model.latents[name])
        for name, site in guide.sites.items()
    ]
    divergence = sum(kl_divergence(*pair) for pair in pairs).detach()
    assert (
        above(draws + divergence * 2 / 3, truth.log_evidence) > LIMIT
    )  # the divergence averaged over three numbers


@pytest.mark.parametrize("noise", ["weight", "unit"])
def test_the_noise_has_a_ceiling_and_zero_weights_have_a_finite_loss(noise):
    model = build(LOG_UNIFORM)
    guide = guides.GaussianDropout(model, noise=noise, learn="layer", max_scale=0.2)
    with torch.no_grad():
        guide.raw_alpha["layer1.weight"].fill_(30.0)
        guide.loc["layer1.weight"].copy_(torch.tensor([[0.0, 5.0]]).expand(3, 2))
    assert guide.alpha()["layer1.weight"] <= 1
    assert guide.scale("layer1.weight").max() <= 0.2
    value = elbo(model, guide, torch.randn(4, 2).double(), torch.randn(4, 1).double())
    slopes = torch.autograd.grad(value, list(guide.parameters()))
    assert all(torch.isfinite(slope).all() for slope in slopes)


FAULTS = {
    "rate": (
        {"p": 0.5},
        "above 0 and below 0.5, where the noise has variance 1, not 0.5",
    ),
    "noise": ({"noise": "layer"}, 'noise is "unit" or "weight".*not \'layer\''),
    "learn": (
        {"noise": "unit", "learn": "weight"},
        "for the noise of weights, \"weight\": not 'unit' with 'weight'",
    ),
    "layers": ({"layers": "layer9"}, "no weight to drop is called 'layer9'"),
    "scale": ({"init_scale": -1.0}, "init_scale is a standard deviation"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_gets_a_sentence(fault):
    options, words = FAULTS[fault]
    with pytest.raises(ValueError, match=words):
        guides.GaussianDropout(build(NORMAL), **options)


# Sparsity


def test_sparse_dropout_drops_the_inputs_that_do_not_matter_and_keeps_the_others():
    """Two inputs of six count; the slopes of the others are 0.4 standard errors, which a normal prior drops none of."""
    pyro.set_rng_seed(3)
    x, noise = (
        torch.randn(100, 6, dtype=torch.float64),
        0.5 * torch.randn(100, 1, dtype=torch.float64),
    )
    noise = (
        noise - x @ torch.linalg.lstsq(x, noise).solution
    )  # or chance adds to the slopes
    slopes = torch.tensor([1.0, -0.6, 0.02, -0.02, 0.02, 0.02], dtype=torch.float64)
    y = x @ slopes.unsqueeze(-1) + noise
    decay = partial(torch.optim.lr_scheduler.ExponentialLR, gamma=0.99)
    for prior, dropped in ((LOG_UNIFORM, 4), (NORMAL, 0)):
        model = build(prior, nn.Linear(6, 1, bias=False).double())
        guide = guides.SparseVariationalDropout(model, init_scale=0.05)
        engine = inference.SVI(
            model, guide, num_steps=500, lr=0.05, scheduler=decay, progress=False
        )
        fitted = engine.fit((x, y)).guide
        assert (fitted.log_alpha()["weight"][0, :2] < -2).all()
        assert (fitted.loc["weight"][0, :2] - slopes[:2]).abs().max() < 0.1
        assert (fitted.log_alpha()["weight"][0, 2:] > (3 if dropped else -2)).all()
        assert fitted.sparsity() == pytest.approx(dropped / 6)


def test_log_alpha_is_clipped_and_counted():
    guide = guides.SparseVariationalDropout(build(NORMAL), init_scale=0.1)
    with torch.no_grad():
        guide.loc["layer1.weight"].copy_(
            torch.tensor([[0.0, 1.0], [0.1, 1e9], [0.1, 1.0]])
        )
    log_alpha = guide.log_alpha()["layer1.weight"]
    expected = torch.tensor(
        [[8.0, -4.6052], [0.0, -8.0], [0.0, -4.6052]], dtype=torch.float64
    )
    assert torch.allclose(log_alpha, expected, atol=1e-3)
    assert guide.sparsity(threshold=7.9) == pytest.approx(1 / 13)
    assert set(guide.log_alpha()) == {
        "layer1.weight",
        "layer1.bias",
        "layer2.weight",
        "layer2.bias",
    }
