"""ResNet has the tensors of published checkpoints; nodes are counted as in the literature."""

from pathlib import Path

import pyro.distributions as dist
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import zoo
from zoo import likelihoods, networks, priors
from zoo.runtime.torchvision_shim import load_torchvision

CHECKPOINTS = Path(__file__).parents[3] / "shared" / "data" / "cifar10_resnets"


def model(network, prior):
    return zoo.BayesianNetwork(network, prior, likelihoods.Categorical())


@pytest.mark.parametrize(
    ("depth", "weights"), [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85)]
)
def test_the_number_of_weights_is_that_of_the_paper(depth, weights):
    network = networks.ResNet(depth)
    count = sum(parameter.numel() for parameter in network.parameters())
    assert round(count / 1e6, 2) == weights  # table 6 of the paper, in millions
    kinds = (nn.Conv2d, nn.Linear)
    assert sum(isinstance(layer, kinds) for layer in network.modules()) == depth


@pytest.mark.parametrize("name", ["resnet20-12fca82f.th", "resnet56-4bfd9763.th"])
@pytest.mark.skipif(
    not CHECKPOINTS.is_dir(),
    reason="needs the checkpoints in ../shared/data/cifar10_resnets",
)
def test_published_checkpoints_load(name):
    checkpoint = torch.load(CHECKPOINTS / name, map_location="cpu", weights_only=True)
    state = checkpoint["state_dict"]
    named = {key.removeprefix("module."): value for key, value in state.items()}
    network = networks.ResNet(int(name[6:8]))
    assert str(network.load_state_dict(named))


def test_a_shortcut_takes_every_second_pixel_and_adds_zeros_on_both_sides():
    network = networks.ResNet(depth=8, width=4).eval()
    block = network.layer2[0]
    x = torch.randn(2, 4, 6, 6)
    short = block.shortcut(x)
    assert short.shape == (2, 8, 3, 3)
    assert torch.equal(short[:, 2:6], x[:, :, ::2, ::2])
    assert not short[:, :2].any()
    assert not short[:, 6:].any()
    nn.init.zeros_(block.bn2.weight)  # then the block is its shortcut
    assert torch.equal(block(x), F.relu(short))
    assert network.layer3[0].shortcut(torch.ones(1, 8, 4, 4)).shape == (1, 16, 2, 2)


@pytest.mark.parametrize(
    ("depth", "width", "sentence"),
    [(18, 16, "depth must be 6 n"), (2, 16, "depth"), (20, 5, "width")],
)
def test_wrong_sizes_are_refused(depth, width, sentence):
    with pytest.raises(ValueError, match=sentence):
        networks.ResNet(depth, width=width)


def test_a_node_prior_sees_every_convolution_and_the_last_layer():
    summary = model(
        networks.ResNet(20), priors.NodePrior(dist.Normal(1.0, 0.1))
    ).summary()
    assert summary.nodes == summary.random == 3 + 7 * 16 + 6 * 32 + 5 * 64 + 64
    assert summary.weights == summary.points == 269_722


def test_resnet50_has_the_nodes_of_table_1():
    network = load_torchvision().models.resnet50(weights=None)
    summary = model(network, priors.NodePrior(dist.Normal(1.0, 0.1))).summary()
    # Trinh, Kaski, Heinonen (2020), table 1
    assert summary.nodes == summary.random == 24_579
    assert summary.weights == 25_557_032
    rule = priors.by_name(
        {"*downsample*": priors.Frozen()}, otherwise=dist.Normal(1.0, 0.1)
    )
    summary = model(network, priors.NodePrior(rule)).summary()
    assert summary.random == 24_579 - (64 + 256 + 512 + 1024)
