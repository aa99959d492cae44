"""The moments of points, and the normals made of them, against plain formulas."""

import pyro.distributions as dist
import pytest
import torch
from monte_carlo import LIMIT, off, one_thread  # noqa: F401

import zoo
from zoo import likelihoods, networks, priors
from zoo.inference.swag.moments import PathMoments
from zoo.inference.swag.normals import Collected, diagonal_normal, low_rank_normal
from zoo.predictive.drawing import draw_sites

NUM_POINTS, SIZE = 9, 6  # points of 6 coordinates


def build():
    """Return a model of 6 coefficients in float64, at two sites."""
    network = networks.MLP(5, 1, hidden=[]).double()
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    return zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(1.0))


def points(number=NUM_POINTS):
    torch.manual_seed(0)
    scales = torch.tensor([0.1, 1.0, 3.0, 0.5, 2.0, 0.3]).double()
    return 1.0 + scales * torch.randn(number, SIZE).double()


def moments_of(values, rank):
    weight = torch.zeros(SIZE, dtype=values.dtype)
    count = torch.zeros((), dtype=torch.long)
    moments = PathMoments([weight], [count], range(1, len(values) + 1), rank)
    for number, value in enumerate(values, start=1):
        weight.copy_(value)
        count.fill_(number)
        moments.add(number)
    return moments


def collected(values, rank):
    """Return the moments by site of the model."""
    moments = moments_of(values, rank)
    parts = [moments.means[0], moments.variance(0), moments.deviations(0)]
    weight = [part[..., :5].unflatten(-1, (1, 5)) for part in parts]
    bias = [part[..., 5:] for part in parts]
    return {"layer1.weight": Collected(*weight), "layer1.bias": Collected(*bias)}


def by_hand(values, rank, scale):
    """Return the covariance of the paper, (P, P)."""
    mean = values.mean(0)
    variance = (values.square().mean(0) - mean.square()).diag()
    if rank == 0:
        return scale * variance

    deviations = values[-rank:] - mean
    low_rank = deviations.T @ deviations / (len(deviations) - 1)
    return scale / 2 * (variance + low_rank)


def covariance_of(guide):
    """Return the covariance of a low-rank guide of both sites, (P, P)."""
    factor, diagonal = guide.factors("joint")
    correlation = factor @ factor.T + diagonal.diag()
    scale = torch.cat([guide.scale(name).flatten() for name in guide.sites])
    return (scale.outer(scale) * correlation).detach()


def test_moments_are_those_of_all_points_in_single_precision_too():
    values = 100 + 0.01 * points(50)
    for dtype in (torch.float64, torch.float32):
        moments = moments_of(values.to(dtype), 4)
        expected = values.var(0, correction=0)
        assert torch.allclose(moments.means[0].double(), values.mean(0))
        assert torch.allclose(moments.variance(0).double(), expected, rtol=0.02)
    single = values.float()
    cancelled = single.square().mean(0) - single.mean(0).square()
    assert not torch.allclose(cancelled.double(), expected, rtol=0.02)
    assert moments.means[1] == 50  # a count is copied


@pytest.mark.parametrize("rank", [2, 4, NUM_POINTS, 20])
@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_the_covariance_is_that_of_the_paper(rank, scale):
    values = points()
    guide = low_rank_normal(build(), collected(values, rank), scale)
    found = covariance_of(guide)
    assert torch.allclose(found, by_hand(values, rank, scale), rtol=1e-9, atol=1e-12)
    assert guide.rank == min(rank, NUM_POINTS)


def test_all_points_give_the_unbiased_covariance_off_the_diagonal():
    values = points()
    guide = low_rank_normal(build(), collected(values, 20), 1.0)
    off_diagonal = ~torch.eye(SIZE, dtype=torch.bool)
    expected = values.T.cov()[off_diagonal] / 2
    assert torch.allclose(covariance_of(guide)[off_diagonal], expected)
    of_the_maximum = expected * (NUM_POINTS - 1) / (20 - 1)  # a reference code's fault
    assert not torch.allclose(covariance_of(guide)[off_diagonal], of_the_maximum)


def test_no_deviation_is_zero():
    """From the running mean with the point itself, the first column would be exactly zero."""
    for rank in (3, NUM_POINTS):
        deviations = moments_of(points(), rank).deviations(0)
        assert bool((deviations.square().sum(-1) > 1e-3).all())


def test_columns_that_add_up_to_zero_have_a_density_in_single_precision():
    """As they are, the matrix of 40,000 rows of them is singular but for rounding errors."""
    network = networks.MLP(200, 200, hidden=[])
    prior, likelihood = (
        priors.WeightPrior(dist.Normal(0.0, 1.0)),
        likelihoods.Gaussian(1.0),
    )
    model = zoo.BayesianNetwork(network, prior, likelihood)
    torch.manual_seed(0)
    found = {}
    for name, site in model.latents.items():
        path = torch.randn(4, *site.shape()).cumsum(0)
        mean = path.mean(0)
        variance = path.var(0, correction=0)
        found[name] = Collected(mean, variance, path - mean)

    guide = low_rank_normal(model, found, 1.0)
    gram = guide.factor["joint"].T @ guide.factor["joint"]
    assert bool((gram[-1].abs() < 1e-3 * gram[0, 0]).all())
    draws = guide.draw_many(3)
    with torch.no_grad():
        single = guide.log_prob(draws)
        double = guide.double().log_prob(
            {name: each.double() for name, each in draws.items()}
        )
    assert torch.allclose(single.double(), double, rtol=1e-4)


def test_without_columns_the_covariance_is_diagonal():
    values = points()
    guide = diagonal_normal(build(), collected(values, 0), 0.3)
    variances = torch.cat([guide.scale(name).flatten() for name in guide.sites])
    assert torch.allclose(variances.square(), by_hand(values, 0, 0.3).diagonal())


def test_the_density_is_that_of_the_dense_normal():
    values = points()
    guide = low_rank_normal(build(), collected(values, 4), 0.7)
    dense = torch.distributions.MultivariateNormal(
        values.mean(0), by_hand(values, 4, 0.7)
    )
    at = dense.sample((5,))
    sites = {
        "layer1.weight": at[:, :5].unflatten(-1, (1, 5)),
        "layer1.bias": at[:, 5:],
    }
    assert torch.allclose(guide.log_prob(sites), dense.log_prob(at))


@pytest.mark.parametrize("rank", [0, 4])
def test_draws_have_the_covariance(rank):
    """Two programs drew with the variance for the scale, another with `scale` for its root."""
    values, scale, number = points(), 0.3, 20_000
    model = build()
    make = low_rank_normal if rank else diagonal_normal
    guide = make(model, collected(values, rank), scale)
    shapes = {name: prior.shape() for name, prior in model.latents.items()}
    drawn = draw_sites(guide, number, shapes)
    flat = torch.cat([drawn[name].flatten(1) for name in shapes], 1)
    centred = flat - values.mean(0)

    exact = by_hand(values, rank, scale)
    products = centred[:, :, None] * centred[:, None, :]
    assert off(products, exact) < LIMIT
    assert off(centred, 0.0) < LIMIT
    variance_for_scale = exact.diagonal().square()
    assert off(centred.square(), variance_for_scale) > 10 * LIMIT
    scale_for_its_root = exact * scale
    assert off(products, scale_for_its_root) > 10 * LIMIT
    half_of_one_part = by_hand(values, rank, scale).diagonal() * 2
    assert off(centred.square(), half_of_one_part) > 10 * LIMIT


def test_a_weight_that_never_moved_has_a_scale_at_its_rounding_error():
    values = points()
    values[:, 2] = 1.0
    guide = low_rank_normal(build(), collected(values, 4), 1.0)
    scale = guide.scale("layer1.weight")[0, 2].item()
    assert 0 < scale < 1e-12
    with torch.no_grad():
        drawn = guide()
        assert bool(torch.isfinite(guide.log_prob(drawn)))
    assert abs(float(drawn["layer1.weight"][0, 2]) - 1) < 1e-12
