"""Curves between two fits, and the order of hidden units."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn

import guides
import zoo
from zoo import landscape, likelihoods, networks, priors
from zoo.landscape.curve import curve_weights
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


def chain():
    return nn.Sequential(
        nn.Conv2d(1, 5, 3),
        nn.BatchNorm2d(5),
        nn.ReLU(),
        nn.Conv2d(5, 6, 3, bias=False),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(96, 7),
        nn.ReLU(),
        nn.Linear(7, 3),
    )


def test_units_of_a_convolutional_chain_are_put_back_in_order():
    network = chain()
    network[1].running_mean.normal_()
    network[1].running_var.uniform_(0.3, 3.0)
    posterior = fit(network, likelihoods.Categorical())
    x, y = torch.randn(20, 1, 8, 8), torch.randint(3, (20,))

    other = landscape.permuted(posterior, x)
    assert not torch.equal(other["3.weight"], posterior.means()["3.weight"])
    back = landscape.align(posterior, other, x)
    for name, value in posterior.means().items():
        assert torch.equal(back[name], value)
    assert torch.equal(back["1.running_mean"], network[1].running_mean)

    curve = landscape.connect(
        posterior, other, (x, y), num_epochs=2, num_points=3, progress=False
    )
    assert curve.profile.batch_norm == "recompute"
    assert curve.sample()["1.running_mean"].shape == (3, 5)  # each point has its own
    assert torch.isfinite(curve.predict(x).probs).all()


class Skip(nn.Module):
    """A network whose hidden units are used twice."""

    def __init__(self):
        super().__init__()
        self.into, self.on = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        hidden = self.into(x).relu()
        return hidden + self.on(hidden)


def test_a_network_that_is_no_chain_is_refused():
    posterior = fit(Skip(), likelihoods.Gaussian(1.0))
    with pytest.raises(
        ValueError, match="in Skip a permutation of hidden units changes"
    ):
        landscape.permuted(posterior, torch.randn(5, 4))

    grouped = nn.Sequential(nn.Conv2d(1, 4, 1), nn.Conv2d(4, 4, 1, groups=2))
    with pytest.raises(ValueError, match="1 does not follow 0"):
        landscape.permuted(
            fit(grouped, likelihoods.Gaussian(1.0)), torch.randn(2, 1, 3, 3)
        )

    recurrent = nn.Sequential(nn.GRU(2, 3))
    with pytest.raises(ValueError, match="0 is GRU"):
        landscape.permuted(fit(recurrent, likelihoods.Gaussian(1.0)), None)


def test_a_curve_of_another_kind_is_refused(linear):
    a, b = map(linear.posterior, torch.randn(2, 4, dtype=torch.float64))
    with pytest.raises(ValueError, match="kind must be one of"):
        landscape.connect(a, b, linear.data, "spline")
