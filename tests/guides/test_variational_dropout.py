"""Gaussian and sparse variational dropout: their approximate divergences and their noise."""

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


def test_the_approximations_have_the_documented_accuracy():
    everywhere = torch.linspace(-8.0, 8.0, 33, dtype=torch.float64).tolist()
    narrow = [value for value in everywhere if value <= 0]
    assert worst(molchanov, everywhere) < 0.01
    assert 0.01 < worst(kingma, narrow) < 0.041
    # Above alpha = 1 the polynomial is no approximation.
    assert worst(kingma, [1.0, 2.0]) > 1.0

    def entropy_alone(log_alpha):
        return -0.5 * log_alpha

    def unsaturated(log_alpha):
        return molchanov(log_alpha) + 0.63576  # without the constant

    for wrong in (entropy_alone, unsaturated, lambda log_alpha: molchanov(-log_alpha)):
        assert worst(wrong, narrow) > 0.1


def test_the_divergence_goes_to_zero_as_alpha_grows():
    assert abs(exact.log_uniform_divergence(math.exp(12.0))) < 1e-3
    assert abs(molchanov(torch.tensor(12.0)).item()) < 1e-3


def test_a_log_uniform_prior_is_recognised_by_its_name_and_by_being_improper():
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
    """Compare densities of draws with the paper's divergence; they differ by a known constant.

    The prior has no constant; that of the divergence makes it 0 in the limit.
    """
    pyro.set_rng_seed(0)
    model = build(LOG_UNIFORM)
    guide = guides.SparseVariationalDropout(model, init_scale=0.3)
    distribution, prior = (
        guide.distribution(guide.sites["layer1.weight"]),
        model.latents["layer1.weight"],
    )
    draws = distribution.expand([4000]).rsample()
    estimates = (distribution.log_prob(draws) - prior.log_prob(draws)).detach()
    # -E[log q] = log scale + normal; the limit contains E[log |N(0, 1)|].
    normal = 0.5 * math.log(2 * math.pi * math.e)
    constant = -normal - 0.6351814
    size = draws[0].numel()
    assert (
        off(estimates, kl_divergence(distribution, prior).detach() + size * constant)
        < LIMIT + size * 0.01
    )
    assert (
        off(
            estimates, kl_divergence(distribution, prior).detach() + 2 * size * constant
        )
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
    distribution = guide.distribution(site)
    assert torch.allclose(distribution.base_dist.scale, normal.base_dist.scale)
    prior = model.latents["layer2.weight"]
    assert torch.allclose(
        kl_divergence(distribution, prior), kl_divergence(normal, prior)
    )
    assert torch.allclose(distribution.log_prob(loc), normal.log_prob(loc))
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
        cross,  # no entropy
        cross - 3 * entropy,  # one for each weight
        cross + entropy,  # the wrong sign
    ):
        assert not torch.allclose(own, wrong)


def test_the_noise_of_units_is_on_the_inputs_of_a_layer():
    """Compare mean and variance of outputs, and the covariance of two outputs of an example."""
    pyro.set_rng_seed(1)
    model = build(NORMAL, nn.Linear(3, 2).double())
    guide = guides.GaussianDropout(model, p=0.3)
    loc, x = guide.loc["weight"].detach(), torch.randn(4, 3, dtype=torch.float64)
    with torch.no_grad():
        draws = torch.stack([F.linear(x, guide()["weight"]) for _ in range(2000)])
    alpha, mean = 0.3 / 0.7, x @ loc.T
    deviations = draws - mean
    assert off(draws, mean) < LIMIT
    assert off(deviations.square(), alpha * x.square() @ loc.square().T) < LIMIT
    assert off(deviations.square(), alpha**0.5 * x.square() @ loc.square().T) > LIMIT
    shared = alpha * x.square() @ (loc[0] * loc[1])
    assert off(deviations[..., 0] * deviations[..., 1], shared) < LIMIT
    # With independent noise for each weight the covariance would be 0.
    assert off(deviations[..., 0] * deviations[..., 1], 0.0) > LIMIT
    assert isinstance(guide()["weight"], MaskedWeight)


@pytest.mark.parametrize("family", ["weight", "sparse"])
def test_the_elbo_stays_below_the_evidence_under_a_proper_prior(family):
    """The fit begins at the exact posterior mean, because a weight keeps its sign."""
    pyro.set_rng_seed(2)
    x = torch.randn(30, 2, dtype=torch.float64)
    y = x @ torch.tensor([[1.0], [-0.7]], dtype=torch.float64) + 0.5 * torch.randn(
        30, 1, dtype=torch.float64
    )
    model = build(NORMAL, nn.Linear(2, 1).double())
    reference = exact.linear_posterior(exact.features(x), y.squeeze(-1), 0.5, 1.0)
    guide = (
        FAMILIES[family][0](model)
        if family == "sparse"
        else guides.GaussianDropout(model, p=0.1, noise="weight", learn="weight")
    )
    with torch.no_grad():
        guide.loc["weight"].copy_(reference.mean[:2].unsqueeze(0))
        guide.loc["bias"].copy_(reference.mean[2:])
    guide = (
        inference.SVI(model, guide, num_steps=200, lr=0.1, progress=False)
        .fit((x, y))
        .guide
    )
    draws = repeat(lambda: elbo(model, guide, x, y), 200, traced=True)
    assert above(draws, reference.log_evidence) < LIMIT
    assert draws.mean() > reference.log_evidence - 3.0
    pairs = [
        (guide.distribution(site), model.latents[name])
        for name, site in guide.sites.items()
    ]
    divergence = sum(kl_divergence(*pair) for pair in pairs).detach()
    # With a divergence that is averaged over three elements:
    assert above(draws + divergence * 2 / 3, reference.log_evidence) > LIMIT


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
    gradients = torch.autograd.grad(value, list(guide.parameters()))
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


FAULTS = {
    "rate": (
        {"p": 0.5},
        r"above 0 and below 0.5 \(at 0.5 the noise has variance 1\), not 0.5",
    ),
    "noise": (
        {"noise": "layer"},
        'noise must be "unit" or "weight".*not noise=\'layer\'',
    ),
    "learn": (
        {"noise": "unit", "learn": "weight"},
        "with noise=\"weight\", \"weight\"; not noise='unit' with learn='weight'",
    ),
    "layers": ({"layers": "layer9"}, "no weight is called 'layer9'"),
    "scale": ({"init_scale": -1.0}, "init_scale is a standard deviation"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_argument_is_answered_with_a_sentence(fault):
    options, words = FAULTS[fault]
    with pytest.raises(ValueError, match=words):
        guides.GaussianDropout(build(NORMAL), **options)


# Sparsity


def test_sparse_dropout_drops_the_inputs_that_do_not_matter_and_keeps_the_others():
    """Two inputs of six matter. The coefficients of the others are 0.4 standard errors.

    A normal prior drops none of them.
    """
    pyro.set_rng_seed(3)
    x, noise = (
        torch.randn(100, 6, dtype=torch.float64),
        0.5 * torch.randn(100, 1, dtype=torch.float64),
    )
    # Make the noise orthogonal to the inputs, so that it does not change the coefficients.
    noise = noise - x @ torch.linalg.lstsq(x, noise).solution
    coefficients = torch.tensor(
        [1.0, -0.6, 0.02, -0.02, 0.02, 0.02], dtype=torch.float64
    )
    y = x @ coefficients.unsqueeze(-1) + noise
    decay = partial(torch.optim.lr_scheduler.ExponentialLR, gamma=0.99)
    for prior, dropped in ((LOG_UNIFORM, 4), (NORMAL, 0)):
        model = build(prior, nn.Linear(6, 1, bias=False).double())
        guide = guides.SparseVariationalDropout(model, init_scale=0.05)
        engine = inference.SVI(
            model, guide, num_steps=500, lr=0.05, scheduler=decay, progress=False
        )
        fitted = engine.fit((x, y)).guide
        assert (fitted.log_alpha()["weight"][0, :2] < -2).all()
        assert (fitted.loc["weight"][0, :2] - coefficients[:2]).abs().max() < 0.1
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
