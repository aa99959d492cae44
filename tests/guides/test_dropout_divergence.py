"""Dropout against closed forms: over Bernoulli nodes, and over weights."""

import exact
import pyro
import pyro.distributions as dist
import pytest
import torch
from monte_carlo import LIMIT, above, off, one_thread, repeat  # noqa: F401
from pyro import poutine
from torch.distributions import kl_divergence

import guides
import zoo
from zoo import likelihoods, networks, priors
from zoo.inference.svi.elbo import elbo

NOISE, KEPT = 0.4, 0.8


@pytest.fixture(scope="module")
def data():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(12, 2, generator=generator, dtype=torch.float64)
    return x, x[:, :1].sin() + NOISE * torch.randn(
        12, 1, generator=generator, dtype=torch.float64
    )


@pytest.fixture(scope="module")
def network():
    pyro.set_rng_seed(0)
    return networks.MLP(2, 1, hidden=[3]).double()


# Over nodes


@pytest.fixture(scope="module")
def nodes(network):
    prior = priors.NodePrior(dist.Bernoulli(KEPT), weights=priors.Frozen())
    return zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(NOISE))


@pytest.fixture(scope="module")
def joint(network, data):
    """Return the 32 masks of two inputs and three hidden units, and log likelihoods (32,)."""
    masks = exact.all_masks(5)
    tensors = network.state_dict()
    hidden = (data[0] * masks[:, None, :2]) @ tensors["layer1.weight"].T + tensors[
        "layer1.bias"
    ]
    outputs = (hidden.tanh() * masks[:, None, 2:]) @ tensors[
        "layer2.weight"
    ].T + tensors["layer2.bias"]
    return masks, torch.distributions.Normal(outputs, NOISE).log_prob(data[1]).sum(
        (1, 2)
    )


@pytest.mark.parametrize("p", [0.1, 0.2, 0.7])
def test_the_divergence_over_nodes_is_exact(nodes, p):
    guide = guides.MCDropout(nodes, p=p)
    q, prior = poutine.trace(guide).get_trace(), nodes.latents
    own = sum(kl_divergence(q.nodes[name]["fn"], prior[name]) for name in prior)
    divergence = exact.bernoulli_divergence(torch.full((5,), 1 - p), torch.tensor(KEPT))
    assert torch.allclose(own, divergence.double(), atol=1e-6)
    # With the probability of 0 in the place of that of 1:
    swapped = exact.bernoulli_divergence(torch.full((5,), p), torch.tensor(KEPT))
    assert not torch.allclose(own, swapped.double(), atol=1e-3)


@pytest.mark.parametrize("p", [0.05, 0.6, 0.7])
def test_the_elbo_over_nodes_is_the_enumerated_one_and_a_bound(nodes, joint, data, p):
    """Compare within 4.5 standard errors: the false alarm rate is 7e-6."""
    pyro.set_rng_seed(1)
    guide = guides.MCDropout(nodes, p=p)
    assert guide.bound
    masks, log_likelihood = joint
    kept = exact.mask_probabilities(masks, torch.tensor(1 - p).double())
    expected = (kept * log_likelihood).sum()
    divergence = exact.bernoulli_divergence(torch.full((5,), 1 - p), torch.tensor(KEPT))
    prior = exact.mask_probabilities(masks, torch.tensor(KEPT).double())
    log_evidence = (log_likelihood + prior.log()).logsumexp(0)

    draws = repeat(lambda: elbo(nodes, guide, *data), 400, traced=True)
    assert off(draws, expected - divergence) < LIMIT
    assert above(draws, log_evidence) < LIMIT
    dropped = exact.mask_probabilities(masks, torch.tensor(p).double())
    for wrong in (
        log_evidence,  # the bound is not tight here
        (dropped * log_likelihood).sum() - divergence,  # p for 1 - p
        expected - 2 * divergence,  # counted twice
        expected - divergence / 5,  # averaged over the five nodes
    ):
        assert off(draws, wrong) > LIMIT


# Over weights


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_the_divergence_over_weights_is_gals_weight_decay(network, p):
    """Per datum and noise precision, as in the loss (1 / 2N) sum |y - f|^2 + decay |M|^2."""
    length, precision, num_data = 2.0, 1 / NOISE**2, 12
    prior = priors.WeightPrior(dist.Normal(0.0, 1 / length))
    model = zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(NOISE))
    guide = guides.MCDropout(model, p=p)
    trace = poutine.trace(guide).get_trace()
    for name in ("layer1.weight", "layer2.weight"):
        own = kl_divergence(trace.nodes[name]["fn"], model.latents[name]) / (
            num_data * precision
        )
        (gradient,) = torch.autograd.grad(own, guide.loc[name])
        decay = exact.weight_decay(length, num_data, precision, p)
        assert torch.allclose(gradient, 2 * decay * guide.loc[name])
        for wrong in (
            exact.weight_decay(length, num_data, precision, p, unscaled_masks=True),
            exact.weight_decay(length, num_data, precision, 0.0),  # no dropout
            exact.weight_decay(1 / length, num_data, precision, p),
            exact.weight_decay(length, num_data, 1 / precision, p),
        ):
            assert not torch.allclose(gradient, 2 * wrong * guide.loc[name], rtol=0.05)


def test_unscaled_masks_give_gals_own_weight_decay():
    r"""W = M z has E[W²] = (1 - p) M²; with M / (1 - p) for M it is M² / (1 - p)."""
    p, weight = 0.3, torch.tensor(1.7)
    unscaled = (
        exact.weight_decay(1.0, 10, 4.0, p, unscaled_masks=True)
        * (weight / (1 - p)) ** 2
    )
    assert torch.allclose(unscaled, exact.weight_decay(1.0, 10, 4.0, p) * weight**2)


@pytest.mark.parametrize("p", [0.3, 0.5])
def test_the_loss_of_a_linear_model_is_ridge_regression(data, p):
    """Compare the whole loss within 4.5 standard errors: the false alarm rate is 7e-6."""
    pyro.set_rng_seed(2)
    noise, scale, targets = 1.5, 0.7, data[1].squeeze(-1)
    prior = priors.WeightPrior(dist.Normal(0.0, scale))
    model = zoo.BayesianNetwork(
        networks.MLP(2, 1, hidden=[]).double(), prior, likelihoods.Gaussian(noise)
    )
    guide = guides.MCDropout(model, p=p)
    assert not guide.bound
    coefficients = torch.tensor([1.2, -0.8, 0.3], dtype=torch.float64)
    with torch.no_grad():
        guide.loc["layer1.weight"].copy_(coefficients[:2].reshape(1, 2))
        guide.loc["layer1.bias"].copy_(coefficients[2:])
    squares = coefficients.square() / torch.tensor([1 - p, 1 - p, 1.0])
    log_prior = (
        -squares / (2 * scale**2) - torch.tensor(2 * torch.pi * scale**2).log() / 2
    ).sum()
    dropped, kept = (
        exact.dropout_log_likelihood(
            exact.features(data[0]), targets, noise, coefficients, rate, 2
        )
        for rate in (p, 0.0)
    )
    draws = repeat(lambda: elbo(model, guide, *data), 400, traced=True)
    assert off(draws, dropped + log_prior) < LIMIT
    # With a log prior that is averaged over three elements:
    assert off(draws, dropped + log_prior / 3) > LIMIT
    assert off(draws, kept + log_prior) > LIMIT  # nothing dropped
