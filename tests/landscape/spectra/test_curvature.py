"""Curvature: exact on linear regression, the whole spectrum by quadrature, reparameterisation."""

import sys

import exact
import pyro.distributions as dist
import pytest
import torch
from torch import nn

import zoo
from zoo import landscape, likelihoods, networks, priors
from zoo.posterior import DrawsPosterior

Normal = dist.Normal


def at_the_network(network, prior, likelihood):
    """Return a posterior with one draw, the network's own weights."""
    model = zoo.BayesianNetwork(network, prior, likelihood)
    draws = {
        name: value.detach()[None, None] for name, value in network.named_parameters()
    }
    return DrawsPosterior(model, draws=draws, state={}, info=None)


def dimension(hessian, precision):
    """Return the effective dimension by its definition, tr(H (H + A)^-1)."""
    return float(torch.linalg.solve(hessian + torch.diag(precision), hessian).trace())


@pytest.mark.parametrize("kind", ["ggn", "hessian"])
def test_the_spectrum_of_linear_regression_is_exact(linear, kind):
    found = landscape.curvature(
        linear.posterior(torch.randn(4).double()), linear.data, 3, kind=kind
    )
    prior = torch.eye(4, dtype=torch.float64) / 0.4**2
    hessian = linear.exact.precision - prior
    expected = torch.linalg.eigvalsh(hessian).flip(0)

    assert found.how == "exact"
    assert found.effective_dimension_error == 0.0
    assert torch.allclose(found.eigenvalues, expected[:3])
    assert float(found.trace) == pytest.approx(float(hessian.trace()))
    right = dimension(hessian, prior.diag())
    assert found.effective_dimension == pytest.approx(right)

    # the mean loss with the same precision has another dimension, as has a precision over N
    mean = dimension(hessian / 10, prior.diag())
    divided = dimension(hessian, prior.diag() / 10)
    assert abs(mean - right) > 0.1
    assert abs(divided - right) > 0.1
    assert found.plot().get_yscale() == "log"


def test_precisions_of_weights_may_differ(linear):
    scales = {"layer1.weight": Normal(0.0, 0.1), "layer1.bias": Normal(0.0, 3.0)}
    posterior = at_the_network(
        linear.model.network,
        priors.WeightPrior(priors.by_name(scales)),
        likelihoods.Gaussian(0.5),
    )
    found = landscape.curvature(posterior, linear.data)
    features = exact.features(linear.data[0])
    precision = torch.tensor([100.0, 100, 100, 1 / 9], dtype=torch.float64)
    expected = dimension(features.T @ features / 0.25, precision)
    assert found.effective_dimension == pytest.approx(expected)


@pytest.fixture
def logistic():
    """Make softmax regression with 63 weights, whose Hessian is its Gauss-Newton matrix."""
    x, y = torch.randn(50, 20).double(), torch.randint(3, (50,))
    network = networks.MLP(20, 3, hidden=[]).double()
    prior = priors.WeightPrior(Normal(0.0, 1.0))
    return at_the_network(network, prior, likelihoods.Categorical()), (x, y)


def test_the_quadrature_of_a_large_network_has_the_right_error(logistic, monkeypatch):
    posterior, data = logistic
    whole = landscape.curvature(posterior, data, 5)
    hessian = landscape.curvature(posterior, data, 5, kind="hessian", batch_size=17)
    assert torch.allclose(whole.eigenvalues, hessian.eigenvalues)
    assert whole.how == "exact"

    monkeypatch.setattr(sys.modules["zoo.landscape.spectra.curvature"], "_DENSE", 0)
    found = landscape.curvature(posterior, data, 5, num_probes=12, num_steps=12)
    assert found.how == "quadrature"
    assert torch.allclose(found.eigenvalues, whole.eigenvalues, rtol=1e-3)
    gap = found.effective_dimension - whole.effective_dimension
    assert abs(gap) < 4 * found.effective_dimension_error < 8
    assert float(found.trace) == pytest.approx(float(whole.trace), rel=0.1)

    # the largest eigenvalues alone are a lower bound, and said to be
    truncated = landscape.curvature(posterior, data, 5, num_probes=0)
    assert truncated.how == "lower bound"
    assert "lower bound" in repr(truncated)
    assert truncated.effective_dimension < 0.5 * whole.effective_dimension
    assert truncated.plot().lines


def test_the_same_function_is_sharper_in_other_coordinates():
    network = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1)).double()
    prior = priors.WeightPrior(Normal(0.0, 1.0))
    posterior = at_the_network(network, prior, likelihoods.Gaussian(0.5))
    data = (torch.randn(20, 3).double(), torch.randn(20, 1).double())

    other = posterior.means()
    for name, factor in (("0.weight", 10), ("0.bias", 10), ("2.weight", 0.1)):
        other[name] = other[name] * factor
    draws = {name: value[None, None] for name, value in other.items()}
    scaled = DrawsPosterior(posterior.model, draws=draws, state={}, info=None)

    before, after = (landscape.curvature(each, data) for each in (posterior, scaled))
    line = landscape.line(posterior, scaled, data, 2)
    assert torch.allclose(*line.loss)  # one function
    assert after.eigenvalues[0] > 10 * before.eigenvalues[0]
    assert line.prior[1] > line.prior[0] + 1  # of which the prior prefers one


def test_what_has_no_curvature_is_refused_with_a_remedy(linear):
    network, data = linear.model.network, linear.data
    normal = priors.WeightPrior(Normal(0.0, 1.0))
    noisy = zoo.BayesianNetwork(
        network, normal, likelihoods.Gaussian(dist.LogNormal(0.0, 1.0))
    )
    draws = {name: value[None] for name, value in noisy.prior_draws(1).items()}
    posterior = DrawsPosterior(noisy, draws=draws, state={}, info=None)
    with pytest.raises(ValueError, match="likelihood:scale is random"):
        landscape.curvature(posterior, data)

    flat = priors.WeightPrior(dist.StudentT(3.0))
    far = at_the_network(network, flat, likelihoods.Gaussian(0.5))
    away = {name: value + 9.0 for name, value in far.draws.items()}
    far = DrawsPosterior(far.model, draws=away, state={}, info=None)
    with pytest.raises(ValueError, match="a positive precision of each weight"):
        landscape.curvature(far, data)

    with pytest.raises(ValueError, match="'ggn' or 'hessian'"):
        landscape.curvature(far, data, kind="fisher")
