"""The toys follow their distributions, and the linear one has its exact posterior."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal

from zoo import datasets
from zoo.datasets import toy
from zoo.datasets.toy.linear import posterior

TOYS = {
    "linear": toy.linear,
    "cubic": toy.cubic,
    "sinusoid": toy.sinusoid,
    "moons": toy.moons,
}


@pytest.fixture(params=TOYS, ids=str)
def make(request):
    return TOYS[request.param]


def test_sizes_and_dtypes(make):
    data = make(num_data=17)
    assert data.train.x.ndim == 2
    assert len(data.train.x) == len(data.train.y) == 17
    assert data.train.x.dtype == data.test.x.dtype == torch.float32
    assert data.train.x.shape[1:] == data.test.x.shape[1:]
    target_shape = () if make is toy.moons else (1,)
    assert data.train.y.shape[1:] == data.test.y.shape[1:] == target_shape


def test_the_seed_decides_and_the_global_one_does_not(make):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = make(seed=3).train.x
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(1)
    assert torch.equal(first, make(seed=3).train.x)
    assert not torch.equal(first, make(seed=4).train.x)


def test_wrong_sizes_and_scales_are_refused(make):
    with pytest.raises(
        ValueError, match="num_data is 0; write an integer of at least 1"
    ):
        make(num_data=0)
    with pytest.raises(
        ValueError, match=r"noise is -1\.0; write a standard deviation above zero"
    ):
        make(noise=-1.0)


@pytest.mark.parametrize(
    ("make", "function"),
    [(toy.cubic, lambda x: x**3), (toy.sinusoid, lambda x: torch.sin(math.pi * x))],
)
def test_noise_is_a_standard_deviation(make, function):
    data = make(num_data=10_000, noise=3.0)
    residual = (data.train.y - function(data.train.x)).double()
    # The standard error of a standard deviation is 3 / sqrt(2 N); 4.5 of them: false alarm 7e-6.
    error = 4.5 * 3.0 / math.sqrt(20_000)
    assert abs(residual.std() - 3.0) < error
    assert abs(residual.std() - math.sqrt(3.0)) > error  # a variance of 3 is rejected
    assert torch.allclose(data.test.y, function(data.test.x), atol=1e-4)


def test_the_cubic_has_twenty_points_and_a_grid_beyond_them():
    data = toy.cubic()
    assert data.train.x.shape == (20, 1)
    assert data.train.x.abs().max() <= 4.0
    assert data.test.x.abs().max() == 6.0


@pytest.mark.parametrize("make", [toy.cubic, toy.sinusoid])
def test_standardised_toys_are_mapped_back(make):
    plain, data = make(), make(standardise=True)
    assert data.train.y.mean().abs() < 1e-5
    assert torch.allclose(data.in_original_units(data.test.y), plain.test.y, atol=1e-3)
    assert torch.equal(plain.in_original_units(plain.test.y), plain.test.y)


def test_the_sinusoid_has_its_gap():
    x = toy.sinusoid(num_data=500, gap=(-0.2, 1.0)).train.x
    assert not ((x > -0.2) & (x < 1.0)).any()
    assert (x < -0.2).any()
    assert (x > 1.0).any()
    assert x.abs().max() <= 2.0
    # The share left of the gap is 1.8 / 2.8, standard error 0.0214; 4.5 of them: false alarm 7e-6.
    assert abs((x < 0).double().mean() - 1.8 / 2.8) < 4.5 * 0.0214
    with pytest.raises(ValueError, match="gap is"):
        toy.sinusoid(gap=(1.0, -1.0))


def test_the_moons_are_two_classes():
    data = toy.moons(num_data=100)
    assert data.train.y.dtype == torch.int64
    assert data.train.y.bincount().tolist() == [50, 50]
    assert not torch.equal(data.train.x, data.test.x[:100])


def test_linear_inputs_are_correlated():
    data = toy.linear(num_data=20_000, correlation=0.8)
    correlations = data.train.x.double().T.corrcoef()
    off_diagonal = correlations[~torch.eye(3, dtype=torch.bool)]
    # The standard error is (1 - r^2) / sqrt(N) = 0.0025; 4.5 of them for three correlations:
    # false alarm below 2e-5.
    assert (off_diagonal - 0.8).abs().max() < 4.5 * 0.36 / math.sqrt(20_000)
    assert (off_diagonal - math.sqrt(0.8)).abs().min() > 4.5 * 0.36 / math.sqrt(20_000)


def joint(x, noise, prior_scale):
    """Return the covariance of [coefficients, targets]; it does not use the normal equations."""
    features = torch.cat([x.double(), torch.ones(len(x), 1, dtype=torch.float64)], -1)
    prior = prior_scale**2 * torch.eye(features.shape[-1]).double()
    errors = noise**2 * torch.eye(len(x)).double()
    marginal = features @ prior @ features.T + errors
    return prior, prior @ features.T, marginal


def agrees(exact, x, y, noise, prior_scale):
    """Return whether a posterior is the joint normal, conditioned on the targets."""
    prior, cross, marginal = joint(x, noise, prior_scale)
    y = y.double().squeeze(-1)
    mean = cross @ torch.linalg.solve(marginal, y)
    covariance = prior - cross @ torch.linalg.solve(marginal, cross.T)
    evidence = MultivariateNormal(torch.zeros_like(y), marginal).log_prob(y)
    return (
        torch.allclose(exact.mean, mean, atol=1e-9)
        and torch.allclose(exact.covariance, covariance, atol=1e-9)
        and torch.allclose(exact.precision, torch.linalg.inv(covariance), rtol=1e-6)
        and torch.allclose(exact.log_evidence, evidence, rtol=1e-9)
    )


def test_the_linear_posterior_is_exact():
    data = toy.linear(noise=0.3, prior_scale=2.0)
    assert isinstance(data, datasets.Dataset)
    assert data.exact.mean.dtype == torch.float64
    assert agrees(data.exact, *data.train, data.noise, data.prior_scale)


@pytest.mark.parametrize(
    ("noise", "prior_scale"), [(0.09, 2.0), (0.3, 4.0), (0.3, 1.0)]
)
def test_a_variance_in_place_of_a_scale_is_rejected(noise, prior_scale):
    data = toy.linear(noise=0.3, prior_scale=2.0)
    wrong = posterior(*data.train, noise, prior_scale)
    assert not agrees(wrong, *data.train, data.noise, data.prior_scale)


def test_coefficients_are_weights_first_and_the_bias_last():
    data = toy.linear(num_data=2_000, num_inputs=2, noise=0.1)
    x, y = data.test
    weight, bias = data.exact.mean[:-1], data.exact.mean[-1]
    residual = y.double().squeeze(-1) - (x.double() @ weight + bias)
    # 200 test points: standard error 0.1 / sqrt(400) = 0.005; 4.5 of them: false alarm 7e-6
    assert abs(residual.square().mean().sqrt() - 0.1) < 4.5 * 0.005
    bias_first = x.double() @ data.exact.mean[1:] + data.exact.mean[0]
    swapped = y.double().squeeze(-1) - bias_first
    assert swapped.square().mean().sqrt() > 0.2


def test_a_correlation_of_one_is_refused():
    with pytest.raises(ValueError, match=r"correlation is 1\.0"):
        toy.linear(correlation=1.0)
