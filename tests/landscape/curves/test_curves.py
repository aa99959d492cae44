"""Curves between two fits."""

import pyro
import pyro.distributions as dist
import pytest
import torch

import guides
import zoo
from zoo import landscape, likelihoods, networks, priors
from zoo.landscape.curves.curve import curve_weights
from zoo.posterior import DrawsPosterior


def fit(network, likelihood):
    """Return a posterior with one draw, the network's own weights."""
    model = zoo.BayesianNetwork(
        network, priors.WeightPrior(dist.Normal(0.0, 1.0)), likelihood
    )
    draws = {
        name: value.detach()[None, None] for name, value in network.named_parameters()
    }
    state = {name: value.clone() for name, value in network.named_buffers()}
    return DrawsPosterior(model, draws=draws, state=state, info=None)


@pytest.mark.parametrize("kind", ["bezier", "polychain"])
def test_the_bend_is_the_exact_one_for_linear_regression(linear, kind):
    a, b = torch.randn(2, 4, dtype=torch.float64)
    curve = landscape.connect(
        linear.posterior(a),
        linear.posterior(b),
        linear.data,
        kind,
        num_epochs=700,
        batch_size=None,
        lr=0.05,
        progress=False,
    )
    found = torch.cat([curve.bend["layer1.weight"][0], curve.bend["layer1.bias"]])

    # the minimum of the mean over t does not depend on the precision of the posterior
    t = torch.linspace(0, 1, 10001, dtype=torch.float64)
    first, middle, last = curve_weights(kind, t, 1).T[..., None]
    ends = first * a + last * b
    away = ends - linear.exact.mean
    bend = -(middle * away).mean(0) / middle.square().mean()
    assert (found - bend).norm() < 0.1

    # with the prior at the bend in place of the points of the curve, it is another one
    prior = torch.eye(4, dtype=torch.float64) / 0.4**2
    data = linear.exact.precision - prior
    pull = linear.exact.precision @ linear.exact.mean
    wrong = torch.linalg.solve(
        data * middle.square().mean() + prior,
        pull * middle.mean() - data @ (middle * ends).mean(0),
    )
    assert (wrong - bend).norm() > 5 * (found - bend).norm()


def test_a_curve_has_a_lower_barrier_than_the_line_and_predicts(tmp_path):
    data = zoo.datasets.digits(flatten=True)
    x, y = data.train.x[:200], data.train.y[:200]
    pyro.set_rng_seed(3)
    a = fit(networks.MLP(64, 10, hidden=[8]), likelihoods.Categorical())
    engine = zoo.inference.SVI(
        a.model, guides.Delta(a.model), num_steps=150, lr=0.05, progress=False
    )
    a = engine.fit((x, y))
    b = landscape.permuted(a, x)

    straight = landscape.line(a, b, (x, y), 11)
    curve = landscape.connect(
        a, b, (x, y), num_epochs=60, lr=0.05, num_points=11, progress=False
    )
    assert straight.barrier > 0.05
    assert curve.barrier < 0.3 * straight.barrier
    assert torch.allclose(curve.profile.values[[0, -1]], straight.values[[0, -1]])

    prediction = curve.predict(data.test.x)
    assert len(prediction.outputs) == 11
    ends = landscape.plane(a, b, curve.bend, data=(x, y), shape=(3, 3))
    assert torch.isfinite(ends.values).all()
    curve.save(tmp_path / "curve.safetensors")
    loaded = zoo.load(tmp_path / "curve.safetensors", model=a.model)
    assert torch.equal(loaded.predict(data.test.x).outputs, prediction.outputs)

    aligned = landscape.align(a, b, x)
    assert landscape.line(a, aligned, (x, y), 5).barrier == pytest.approx(0, abs=1e-5)


def test_a_curve_of_another_kind_is_refused(linear):
    a, b = map(linear.posterior, torch.randn(2, 4, dtype=torch.float64))
    with pytest.raises(ValueError, match="kind must be one of"):
        landscape.connect(a, b, linear.data, "spline")
