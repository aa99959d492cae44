"""Hidden units in other places: chains, residual networks, signs, and what is refused."""

import pyro.distributions as dist
import pytest
import torch
from torch import nn

import zoo
from zoo import landscape, likelihoods, networks, priors
from zoo.landscape.units.hidden_units import hidden_units
from zoo.landscape.units.permuted import is_one_function
from zoo.posterior import DrawsPosterior


def fit(network, likelihood=None):
    """Return a posterior with one draw, the network's own weights."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.3, 3.0)
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)

    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    model = zoo.BayesianNetwork(network, prior, likelihood or likelihoods.Categorical())
    draws = {
        name: value.detach()[None, None] for name, value in network.named_parameters()
    }
    state = {name: value.clone() for name, value in network.named_buffers()}
    return DrawsPosterior(model, draws=draws, state=state, info=None)


def assert_is_put_back(posterior, x):
    """Check that units in random places are put back exactly; return the weights before."""
    other = landscape.permuted(posterior, x)
    means = posterior.means()
    back = landscape.align(posterior, other, x)
    for name, value in means.items():
        assert torch.equal(back[name], value), name
    return other


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
    posterior = fit(network)
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


def test_channels_that_skips_connect_move_together():
    """One channel of the first stage is also one of each later stage, between padded zeros."""
    network = networks.ResNet(8, width=4)
    posterior, x = fit(network), torch.randn(9, 3, 16, 16)
    groups = hidden_units(posterior.model, x)
    assert [units.size for units in groups] == [4, 4, 8, 4, 16, 8]
    names = {axis.name for axis in groups[0].axes}
    assert {"conv1.weight", "layer3.0.bn2.weight", "linear.weight"} <= names

    other = assert_is_put_back(posterior, x)
    changed = [
        name
        for name, value in posterior.means().items()
        if not torch.equal(other[name], value)
    ]
    assert len(changed) == len(posterior.means()) - 1  # all but the bias of the outputs

    alone = dict(posterior.means())  # the first layer's channels without the others
    order = torch.tensor([1, 0, 3, 2])
    for name in ("conv1.weight", "bn1.weight", "bn1.bias"):
        alone[name] = alone[name][order]
    statistics = {name: network.get_buffer(name) for name in other if "running" in name}
    assert not is_one_function(
        posterior.model, statistics | posterior.means(), statistics | alone, x
    )


@pytest.mark.parametrize(
    ("network", "sizes"),
    [
        (lambda: networks.ResNet(8, width=2, skips=False), [2, 2, 2, 4, 4, 8, 8]),
        (lambda: networks.WideResNet(10, 1, num_classes=3), [16, 16, 32, 32, 64, 64]),
    ],
    ids=["without skips", "projections in place of skips"],
)
def test_units_of_other_convolutional_networks(network, sizes):
    posterior, x = fit(network()), torch.randn(9, 3, 16, 16)
    groups = hidden_units(posterior.model, x)
    assert sorted(units.size for units in groups) == sorted(sizes)
    assert_is_put_back(posterior, x)


def test_units_of_odd_activations_also_have_their_signs_put_back():
    network = networks.MLP(5, 2, hidden=[7, 6], activation=nn.Tanh)
    posterior, x = fit(network), torch.randn(9, 5)
    groups = hidden_units(posterior.model, x)
    assert [units.is_odd for units in groups] == [True, True]
    torch.manual_seed(1)
    other = assert_is_put_back(posterior, x)
    rows, own = other["layer1.weight"], posterior.means()["layer1.weight"]
    products = rows @ own.T / own.norm(dim=1).square()
    assert bool((products < -1 + 1e-4).any())  # some units have another sign

    relu = networks.MLP(5, 2, hidden=[7, 6], activation=nn.ReLU)
    assert not any(units.is_odd for units in hidden_units(fit(relu).model, x))


def test_signs_pass_normalisation_but_not_the_largest_of_pixels():
    """Its weight and variances stay, its mean and bias change sign."""
    layers = [nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Tanh(), nn.AvgPool2d(2)]
    network = nn.Sequential(*layers, nn.Flatten(), nn.Linear(27, 2))
    x = torch.randn(9, 1, 8, 8)
    posterior = fit(network)
    assert hidden_units(posterior.model, x)[0].is_odd
    other = assert_is_put_back(posterior, x)
    weight = posterior.means()["1.weight"]
    assert torch.equal(other["1.weight"].sort().values, weight.sort().values)

    layers[3] = nn.MaxPool2d(2)
    network = nn.Sequential(*layers, nn.Flatten(), nn.Linear(27, 2))
    assert not hidden_units(fit(network).model, x)[0].is_odd


class Skip(nn.Module):
    """A network whose hidden units are also its outputs."""

    def __init__(self):
        super().__init__()
        self.into, self.on = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        hidden = self.into(x).relu()
        return hidden + self.on(hidden)


class Ranked(nn.Module):
    """A network for which the order of hidden units matters."""

    def __init__(self):
        super().__init__()
        self.into, self.out = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x):
        return self.out(self.into(x).relu() * torch.arange(4.0))


@pytest.mark.parametrize(
    ("network", "shape", "words"),
    [
        (Skip, (5, 4), "in Skip there is no hidden layer"),
        (
            Ranked,
            (5, 4),
            "in Ranked a permutation of hidden units changes its function",
        ),
        (
            lambda: nn.Sequential(nn.Conv2d(1, 4, 1), nn.Conv2d(4, 4, 1, groups=2)),
            (2, 1, 3, 3),
            "there is conv2d with groups",
        ),
        (lambda: nn.Sequential(nn.Linear(2, 3), nn.PReLU(3)), (5, 2), "there is prelu"),
    ],
    ids=["output", "ranked", "groups", "parameters"],
)
def test_other_networks_are_refused(network, shape, words):
    with pytest.raises(ValueError, match=words):
        landscape.permuted(fit(network()), torch.randn(shape))
