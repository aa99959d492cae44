"""Node priors: z multiplies the channels of a layer, by `weight * z`."""

import pyro.distributions as dist
import pytest
import torch
from torch import nn

import zoo
from zoo import likelihoods, networks, priors

NORMAL = dist.Normal(1.0, 0.3)


def model(network, **options):
    return zoo.BayesianNetwork(
        network, priors.NodePrior(NORMAL, **options), likelihoods.Gaussian(0.5)
    )


@pytest.mark.parametrize(
    ("where", "sizes"),
    [
        ("in", {"layer1.nodes_in": 2, "layer2.nodes_in": 3}),
        ("out", {"layer1.nodes_out": 3, "layer2.nodes_out": 1}),
        (
            "both",
            {
                "layer1.nodes_in": 2,
                "layer1.nodes_out": 3,
                "layer2.nodes_in": 3,
                "layer2.nodes_out": 1,
            },
        ),
    ],
)
def test_a_site_for_each_layer_and_side(where, sizes):
    latents = model(networks.MLP(2, 1, hidden=[3]), where=where).latents
    assert {name: each.shape().numel() for name, each in latents.items()} == sizes


LAYERS = {
    "linear": (lambda: nn.Linear(4, 6), (5, 4)),
    "conv1d": (lambda: nn.Conv1d(4, 6, 3), (5, 4, 7)),
    "conv2d": (lambda: nn.Conv2d(4, 6, 3, stride=2), (5, 4, 7, 7)),
    "conv3d": (lambda: nn.Conv3d(4, 6, 2), (5, 4, 3, 3, 3)),
    "grouped": (lambda: nn.Conv2d(4, 6, 3, groups=2), (5, 4, 7, 7)),
    "depthwise": (lambda: nn.Conv2d(4, 8, 3, groups=4), (5, 4, 7, 7)),
    "without bias": (lambda: nn.Conv2d(4, 6, 3, bias=False), (5, 4, 7, 7)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_nodes_multiply_the_input_or_the_output_before_the_bias(name):
    make, shape = LAYERS[name]
    layer, x = make(), torch.randn(shape)
    network = nn.Sequential(layer)
    z_in = torch.randn(x.shape[1])
    view = [1, -1] + [1] * (x.dim() - 2)
    expected = layer(x * z_in.reshape(view))
    found = model(network).output({"0.nodes_in": z_in}, x)
    assert torch.allclose(found, expected, atol=1e-5)

    plain = layer(x)
    z_out = torch.randn(plain.shape[1])
    bias = layer.bias.reshape(view) if layer.bias is not None else 0.0
    expected = (plain - bias) * z_out.reshape(view) + bias
    found = model(network, where="out").output({"0.nodes_out": z_out}, x)
    assert torch.allclose(found, expected, atol=1e-5)


def test_nodes_of_one_do_not_change_the_output():
    network, x = networks.LeNet5(3, image_size=16), torch.randn(2, 1, 16, 16)
    made = model(network, where="both")
    ones = {name: torch.ones(each.shape()) for name, each in made.latents.items()}
    assert torch.allclose(made.output(ones, x), network(x), atol=1e-6)


def test_weights_have_their_own_rule():
    network = networks.MLP(2, 1, hidden=[3])
    assert model(network).plan.points == list(network.state_dict())
    frozen = model(network, weights=priors.Frozen())
    assert frozen.plan.frozen == list(network.state_dict())
    both = model(network, weights=dist.Normal(0.0, 1.0))
    assert set(both.latents) == {
        *network.state_dict(),
        "layer1.nodes_in",
        "layer2.nodes_in",
    }
    x = torch.randn(4, 2)
    values = {name: prior.sample() for name, prior in both.latents.items()}
    scaled = x * values["layer1.nodes_in"]
    hidden = (scaled @ values["layer1.weight"].T + values["layer1.bias"]).tanh()
    scaled = hidden * values["layer2.nodes_in"]
    expected = scaled @ values["layer2.weight"].T + values["layer2.bias"]
    assert torch.allclose(both.output(values, x), expected, atol=1e-5)


def test_layers_are_chosen_by_name_and_type():
    network = networks.LeNet5(3, image_size=16)

    def sites(rule):
        made = zoo.BayesianNetwork(
            network, priors.NodePrior(rule), likelihoods.Categorical()
        )
        return list(made.latents)

    of_convolutions = priors.by_type({nn.Conv2d: NORMAL}, otherwise=priors.Frozen())
    assert sites(of_convolutions) == ["features.0.nodes_in", "features.3.nodes_in"]
    of_the_last = priors.by_name({"classifier.5": NORMAL}, otherwise=priors.Frozen())
    assert sites(of_the_last) == ["classifier.5.nodes_in"]
    assert sites(priors.last_layer(NORMAL)) == ["classifier.5.nodes_in"]


def test_a_recurrent_layer_has_no_nodes():
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.encode, self.decode = nn.GRU(2, 3), nn.Linear(3, 1)

        def forward(self, x):
            return self.decode(self.encode(x)[0])

    assert list(model(Recurrent()).latents) == ["decode.nodes_in"]


def test_a_network_that_is_one_layer():
    assert list(model(nn.Linear(2, 1)).latents) == ["nodes_in"]
    assert repr(priors.NodePrior(NORMAL, weights=priors.Frozen())) == (
        "NodePrior(Normal(1, 0.3), where='in', weights=Frozen())"
    )
