"""Flatness: exact on linear regression; the same function with other scales has other scores."""

import exact
import pyro.distributions as dist
import pytest
import torch
from torch import nn

import zoo
from zoo import landscape, likelihoods, networks, priors
from zoo.posterior import DrawsPosterior

NOISE = 0.5  # that of the fixture `linear`


def fitted(network, likelihood):
    """Return a posterior with one draw, the network's own weights."""
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    model = zoo.BayesianNetwork(network, prior, likelihood)
    draws = {n: value.detach()[None, None] for n, value in network.named_parameters()}
    return DrawsPosterior(model, draws=draws, state={}, info=None)


def test_the_scores_of_linear_regression_are_exact(linear):
    x, y = linear.data
    features = exact.features(x)
    lowest = torch.linalg.lstsq(features, y).solution[:, 0]
    found = landscape.flatness(
        linear.posterior(lowest), linear.data, radius=0.3, noise=0.2, num_draws=200
    )
    hessian = features.T @ features / NOISE**2 / len(x)
    top = float(torch.linalg.eigvalsh(hessian)[-1])
    assert found.eigenvalue == pytest.approx(top)
    assert found.trace == pytest.approx(float(hessian.trace()))
    assert found.sharpness == pytest.approx(0.5 * 0.3**2 * top)

    expected = 0.5 * 0.2**2 * float(hessian.trace())
    assert abs(found.rise - expected) < 4 * found.rise_error
    with_prior = (
        expected + 0.5 * 0.2**2 * 4 / 0.4**2
    )  # of the log posterior, not over N
    assert abs(found.rise - with_prior) > 4 * found.rise_error

    # where the loss has a slope, the largest rise is not along the eigenvector
    away = lowest + torch.randn(4).double()
    slope = hessian @ (away - lowest)
    steep = landscape.flatness(linear.posterior(away), linear.data, radius=1e-4)
    assert steep.sharpness == pytest.approx(1e-4 * float(slope.norm()), rel=1e-2)
    assert "sharpness within 0.0001" in str(steep)


def test_relative_scores_of_linear_regression_are_exact(linear):
    x, _ = linear.data
    w = torch.tensor([0.1, 0.0, -3.0, 1.0]).double()
    features = exact.features(x) * w.abs()
    hessian = features.T @ features / NOISE**2 / len(x)
    found = landscape.flatness(linear.posterior(w), linear.data, relative=True)
    assert found.eigenvalue == pytest.approx(float(torch.linalg.eigvalsh(hessian)[-1]))
    assert found.trace == pytest.approx(float(hessian.trace()))


@pytest.fixture
def classes():
    """Make a network of 263 weights, more than have a whole matrix, with data."""
    network = nn.Sequential(nn.Linear(20, 10), nn.ReLU(), nn.Linear(10, 3)).double()
    data = (torch.randn(50, 20).double(), torch.randint(3, (50,)))
    return fitted(network, likelihoods.Categorical()), data


def test_the_same_function_is_as_sharp_as_you_like_unless_units_are_relative(classes):
    fit, data = classes
    other = landscape.rescaled(fit, 10.0, data[0])
    loss = landscape.line(fit, other, data, 2).loss
    assert torch.allclose(*loss)  # one function

    before, after = (landscape.flatness(each, data) for each in (fit, other))
    assert after.eigenvalue > 10 * before.eigenvalue
    assert after.sharpness > 5 * before.sharpness

    before, after = (
        landscape.flatness(each, data, relative=True) for each in (fit, other)
    )
    assert after.eigenvalue == pytest.approx(before.eigenvalue, rel=2e-3)
    assert after.trace == pytest.approx(before.trace, rel=0.2)  # estimates
    assert after.sharpness == pytest.approx(before.sharpness, rel=1e-2)


def test_the_scores_of_a_larger_network_are_those_of_its_whole_hessian(classes):
    fit, data = classes
    found = landscape.flatness(fit, data, num_products=240)
    whole = landscape.curvature(fit, data, 1, kind="hessian")
    assert found.eigenvalue == pytest.approx(float(whole.eigenvalues[0]) / 50, rel=2e-3)
    assert found.trace == pytest.approx(float(whole.trace) / 50, rel=0.05)


def test_what_has_no_flatness_is_refused_with_a_remedy(linear, classes):
    fit, data = classes
    with pytest.raises(ValueError, match=r"must be positive, not 0\.1 and 0\.0"):
        landscape.flatness(fit, data, noise=0.0)
    with pytest.raises(ValueError, match="factor must be above 0, not -1"):
        landscape.rescaled(fit, -1, data[0])
    with pytest.raises(ValueError, match="there is no hidden layer"):
        landscape.rescaled(linear.posterior(torch.ones(4)), 2.0, linear.data[0])
    curved = fitted(networks.MLP(20, 3, hidden=[5]), likelihoods.Categorical())
    with pytest.raises(ValueError, match=r"f\(c x\) = c f\(x\), but .* of MLP"):
        landscape.rescaled(curved, 2.0, data[0].float())
