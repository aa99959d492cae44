"""Simplexes of weights: their volume, uniform points, and vertices that balance the two."""

import math

import pyro.distributions as dist
import pytest
import torch
from torch import nn

import zoo
from zoo import landscape, likelihoods, priors
from zoo.landscape.curves.mean_fit import MeanStep
from zoo.landscape.curves.simplex import points_of
from zoo.landscape.curves.volume import uniform_weights, volume
from zoo.landscape.points.ends import locations
from zoo.landscape.points.target import Target
from zoo.runtime.rows import flatten


def regular(k, edge):
    """Return a regular simplex of k + 1 vertices in a rotated space of 30 dimensions."""
    corners = torch.zeros(k + 1, 30, dtype=torch.float64)
    corners[:, : k + 1] = edge / 2**0.5 * torch.eye(k + 1).double()
    rotation = torch.linalg.qr(torch.randn(30, 30, dtype=torch.float64)).Q
    return corners @ rotation + 5.0


@pytest.mark.parametrize("k", [1, 2, 3, 6])
def test_the_volume_is_that_of_a_regular_simplex(k):
    """A reference code takes the square of it."""
    found = volume(regular(k, 3.0))
    exact = 3.0**k * math.sqrt(k + 1) / (math.factorial(k) * 2 ** (k / 2))
    assert float(found) == pytest.approx(exact, rel=1e-9)
    assert float(found**2) != pytest.approx(exact, rel=0.1)


def test_the_volume_is_that_of_the_gram_determinant_in_single_precision_too():
    points = 100 + torch.randn(5, 20_000)
    sides = (points[1:] - points[0]).double()
    exact = (sides @ sides.T).det().sqrt() / math.factorial(4)
    assert torch.allclose(volume(points), exact, rtol=1e-4)


def test_a_flat_simplex_has_no_gradient_that_is_not_finite():
    points = torch.tensor([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]], requires_grad=True)
    volume(points).backward()
    assert torch.isfinite(points.grad).all()


def test_points_are_uniform():
    """Numbers of U(0, 1) over their sum are not."""
    weights = uniform_weights(40_000, 4).double()
    error = weights.square().std(0) / 200
    assert torch.allclose(weights.sum(1), torch.ones(40_000).double(), atol=1e-6)
    away = weights.square().mean(0) - 2 / (4 * 5)
    assert bool((away.abs() < 4.5 * error).all())
    wrong = torch.rand(40_000, 4).double()
    wrong = wrong / wrong.sum(1, keepdim=True)
    away = wrong.square().mean(0) - 2 / (4 * 5)
    assert bool((away.abs() > 20 * error).all())


def test_each_simplex_has_one_fit_and_all_found_vertices():
    weights = points_of(torch.tensor([0, 1, 1]), 2, 5)
    assert weights.shape == (3, 5)
    assert torch.equal(weights[:, :2] > 0, torch.tensor([[1, 0], [0, 1], [0, 1]]) > 0)
    assert bool((weights[:, 2:] > 0).all())


def test_a_step_has_the_mean_over_points_and_not_their_sum(linear):
    target = Target(linear.model, linear.data)
    fixed = torch.randn(2, 4, dtype=torch.float64)
    free = torch.randn(1, 4, dtype=torch.float64)
    named = linear.weights(fixed[0])
    assert torch.equal(locations([named], target)[0].q, fixed[0])  # the order is ours
    weights = uniform_weights(6, 3).double()
    step = MeanStep(target, fixed, 10, 2)
    loss, gradient = step(free, weights, *flatten(linear.data))

    at = weights @ torch.cat([fixed, free])
    lowest = linear.rise(at).mean() - loss
    one = step(free, weights[:1], *flatten(linear.data))[0]
    assert float(linear.rise(at[:1]).mean() - one) == pytest.approx(float(lowest))
    pulls = (at - linear.exact.mean) @ linear.exact.precision / 10
    assert torch.allclose(gradient[0], (weights[:, 2:] * pulls).mean(0))
    assert not torch.allclose(gradient[0], (weights[:, 2:] * pulls).sum(0))


def test_a_vertex_is_where_volume_and_log_posterior_balance(linear):
    r"""From the mode m, E_u L(m + u a) - lambda log |a| is least at |a|^2 = 3 N lambda / mu.

    mu is the smallest eigenvalue of the posterior's precision, and a is along its vector.
    """
    mode, weight = linear.exact.mean, 0.05
    found = landscape.simplex(
        linear.posterior(mode),
        linear.data,
        1,
        volume_weight=weight,
        num_epochs=600,
        batch_size=None,
        lr=0.06,
        progress=False,
    )
    vertex = found.vertices[1]
    away = torch.cat([vertex["layer1.weight"][0], vertex["layer1.bias"]]) - mode
    values, vectors = torch.linalg.eigh(linear.exact.precision)
    exact = math.sqrt(3 * 10 * weight / float(values[0]))
    assert found.volume == pytest.approx(float(away.norm()), rel=1e-6)
    assert float((away @ vectors[:, 0]).abs() / away.norm()) > 0.98
    assert found.volume == pytest.approx(exact, rel=0.1)
    of_the_square = exact * math.sqrt(2)  # log V^2 in place of log V
    of_the_sum = exact / math.sqrt(5)  # the sum over five points in place of their mean
    for wrong in (of_the_square, of_the_sum):
        assert found.volume != pytest.approx(wrong, rel=0.2)


def test_a_complex_is_a_posterior_of_points_with_statistics_of_their_own(tmp_path):
    network = nn.Sequential(
        nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 2)
    )
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    model = zoo.BayesianNetwork(network, prior, likelihoods.Categorical())
    x, y = torch.randn(30, 3), torch.randint(2, (30,))

    def fit():
        draws = {
            name: torch.randn(1, 1, *value.shape)
            for name, value in network.named_parameters()
        }
        state = {name: value.clone() for name, value in network.named_buffers()}
        return zoo.posterior.DrawsPosterior(model, draws=draws, state=state, info=None)

    fits = [fit(), fit().means()]
    found = landscape.simplex(
        fits, (x, y), 2, num_epochs=2, num_points=20, test=(x, y), progress=False
    )
    assert "2 simplexes of dimension 2, 20 points" in repr(found)
    inside = found.profile
    assert inside.batch_norm == "recompute"
    assert inside.weights.shape == (20, 4)
    used = inside.weights[:, :2] > 0
    assert bool((used.sum(1) == 1).all() and used.any(0).all())
    at = inside.weights[7]
    expected = sum(at[k] * found.vertices[k]["0.weight"] for k in range(4))
    assert torch.allclose(found.draws["0.weight"][0, 7], expected, atol=1e-5)
    plane = inside.weights @ inside.at_vertices
    assert found.barrier == pytest.approx(float((inside.values - plane).max()))
    assert "inside, test error" in str(inside.table)

    assert found.draws["1.running_mean"].shape == (1, 20, 5)
    prediction = found.predict(x)
    assert len(prediction.outputs) == 20
    assert found.plot().get_xlabel() == "share of the points inside"
    found.save(tmp_path / "complex.safetensors")
    loaded = zoo.load(tmp_path / "complex.safetensors", model=model)
    assert torch.equal(loaded.predict(x).outputs, prediction.outputs)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"num_vertices": 0}, "num_vertices"),
        ({"volume_weight": -1.0}, "volume_weight must be at least 0 nats"),
        ({"lr": 0.0}, "lr must be a positive learning rate"),
        ({"num_points": 0}, "num_points"),
    ],
)
def test_wrong_arguments_are_refused(linear, options, words):
    with pytest.raises(ValueError, match=words):
        landscape.simplex(linear.posterior(linear.exact.mean), linear.data, **options)
