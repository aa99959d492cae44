"""Networks beyond the multilayer perceptron: published sizes, half widths, refused arguments."""

from functools import partial

import cases
import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn

import guides
import zoo
from zoo import inference, likelihoods, networks, priors

SHAPES = {
    "AlexNet": (3, 32, 32),
    "VGG16": (3, 32, 32),
    "PreActResNet": (3, 32, 32),
    "NIN": (3, 32, 32),
    "DSN": (3, 32, 32),
    "LeNet": (1, 28, 28),
    "ConvNet1d": (1, 140),
}
HALF = {
    "AlexNet": 32,
    "VGG16": 32,
    "PreActResNet": 32,
    "NIN": 96,
    "DSN": 96,
    "LeNet": 250,
    "ConvNet1d": 16,
}


def size(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("name", HALF)
def test_half_the_width_is_about_a_quarter_of_the_weights(name):
    make = (
        partial(networks.DSN, companions=False)
        if name == "DSN"
        else getattr(networks, name)
    )
    whole, half = make(), make(width=HALF[name])
    assert 3.5 < size(whole) / size(half) < 4.1
    assert half.eval()(torch.randn(2, *SHAPES[name])).shape[0] == 2


@pytest.mark.parametrize(
    ("where", "rates"),
    [("none", [0, 0, 0]), ("ip", [0, 0, 0.5]), ("all", [0.5, 0.5, 0.5])],
)
def test_lenet_has_dropout_at_the_chosen_layers(where, rates):
    network = networks.LeNet(dropout=where)
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Dropout)]
    assert [layer.p for layer in layers] == rates
    assert size(network) == 431_080  # as in the example network of Caffe
    with pytest.raises(ValueError, match="dropout must be 'none', 'ip' or 'all'"):
        networks.LeNet(dropout="some")


def test_the_response_of_a_filter_does_not_depend_on_the_batch():
    norm = networks.FilterResponseNorm(3)
    x = 5 * torch.randn(4, 3, 6, 6)
    torch.testing.assert_close(norm(x)[:1], norm(x[:1]))
    linear = networks.FilterResponseNorm(3, threshold=False)
    torch.testing.assert_close(
        linear(x).square().mean((-2, -1)), torch.ones(4, 3), rtol=1e-3, atol=1e-3
    )
    # The threshold is zero at first, so that it is a rectifier.
    assert float(norm(x).detach().min()) == 0.0
    with torch.no_grad():
        norm.threshold.fill_(-0.5)
    assert float(norm(x).detach().min()) == -0.5


def test_a_resnet_without_skips_or_without_batches():
    x = torch.randn(2, 3, 16, 16)
    plain = networks.ResNet(8, width=4, skips=False).eval()
    block = plain.layer2[0]
    nn.init.zeros_(block.bn2.weight)
    hidden = plain.layer1(torch.randn(1, 4, 8, 8))
    assert not block(hidden).any()  # without a shortcut
    frn = networks.ResNet(
        8, width=4, norm=networks.FilterResponseNorm, activation=nn.Identity
    )
    assert not [layer for layer in frn.modules() if isinstance(layer, nn.BatchNorm2d)]
    torch.testing.assert_close(frn(x)[:1], frn(x[:1]))


def test_a_block_that_normalises_first_is_its_shortcut_when_its_last_convolution_is_zero():
    network = networks.WideResNet(10, 1).eval()
    block = network.stages[0][0]
    nn.init.zeros_(block.conv2.weight)
    x = torch.randn(2, 16, 8, 8)
    assert torch.equal(block(x), x)
    first = network.stages[1][0]
    nn.init.zeros_(first.conv2.weight)
    torch.testing.assert_close(first(x), first.shortcut(torch.relu(first.norm1(x))))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: networks.AlexNet(width=0), "width must be a number of channels"),
        (lambda: networks.VGG16(width=0), "width must be a number of channels"),
        (lambda: networks.PreActResNet(50), "depth must be 18 or 34, not 50"),
        (lambda: networks.PreActResNet(width=0), "width must be a number of channels"),
        (lambda: networks.WideResNet(27), "depth must be 6 n"),
        (lambda: networks.WideResNet(28, 0), "widen must be at least 1"),
        (lambda: networks.NIN(width=10), "width must be a multiple of 6"),
        (lambda: networks.DSN(width=10), "width must be a multiple of 6"),
        (lambda: networks.DSN(image_size=2), "at least 3x3 pixels, not 2x2"),
        (lambda: networks.LeNet(width=30), "width must be a multiple of 50"),
        (lambda: networks.ConvNet1d(width=0), "width must be a number of channels"),
    ],
)
def test_wrong_sizes_are_refused(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: networks.MLP(6, 1, [50]),
        lambda: networks.LeNet5(10, 1),
        lambda: networks.LeNet(10, 1),
        lambda: networks.AlexNet(10, 3),
        lambda: networks.NIN(10, 3),
        lambda: networks.DSN(10, 3),
        lambda: networks.VGG16(16, 10),
        lambda: networks.ConvNet1d(5, 1),
        lambda: networks.ResNet(20, 10),
        lambda: networks.PreActResNet(18, 10),
        lambda: networks.WideResNet(28, 10, 100),
        lambda: networks.FilterResponseNorm(3, True),
    ],
)
def test_only_sizes_are_positional(make):
    with pytest.raises(TypeError, match=r"positional arguments? but"):
        make()


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("FullyConnected", r"networks.MLP\(num_inputs, num_outputs, hidden=\[50\]\)"),
        ("FeedForward", r"networks.MLP\("),
        ("ResNet20", r"networks.ResNet\(20\)"),
        ("VGG", r"networks.VGG16\("),
        ("PreActResNet18", r"networks.PreActResNet\(18\)"),
    ],
)
def test_a_wrong_name_is_answered_with_the_right_call(name, instead):
    with pytest.raises(AttributeError, match=f"no attribute '{name}'; write {instead}"):
        getattr(networks, name)


def test_any_other_name_is_answered_as_usual():
    sentence = "module 'zoo.networks' has no attribute 'Transformer'"
    with pytest.raises(AttributeError, match=sentence):
        _ = networks.Transformer
    assert dir(networks) == sorted(networks.__all__)


@pytest.mark.parametrize("over", ["weights", "nodes"])
@pytest.mark.parametrize("name", cases.FAMILIES)
def test_every_family_takes_a_posterior_over_weights_and_over_nodes(
    name, over, tmp_path
):
    pyro.set_rng_seed(0)
    row = cases.FAMILIES[name]
    weights = priors.WeightPrior(priors.all_but_normalisation(dist.Normal(0.0, 0.1)))
    prior = weights if over == "weights" else priors.NodePrior(dist.Normal(1.0, 0.3))
    model = zoo.BayesianNetwork(row.make(3), prior, likelihoods.Categorical())
    make = guides.MeanField if over == "weights" else guides.NodeMixture
    x, y = torch.randn(8, *row.inputs), torch.arange(8) % 3
    posterior = inference.SVI(model, make(model), num_steps=3, progress=False).fit(
        (x, y)
    )
    assert torch.isfinite(posterior.info.losses).all()
    prediction = posterior.predict(x, 4)
    assert prediction.mean.shape == (8, 3)
    torch.testing.assert_close(prediction.mean.sum(-1), torch.ones(8))
    posterior.save(tmp_path / "posterior.safetensors")
    again = zoo.load(tmp_path / "posterior.safetensors", model, guide=make(model))
    assert again.predict(x, 2).mean.shape == (8, 3)


@pytest.mark.parametrize(
    "make",
    [
        networks.AlexNet,
        partial(networks.NIN, width=48),
        partial(networks.DSN, width=48),
    ],
)
def test_a_deep_network_distinguishes_images_before_training(make):
    torch.manual_seed(0)
    x, network = torch.randn(32, 3, 32, 32), make().eval()
    with torch.no_grad():
        spread = network(x).std(0).mean()
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d):
                layer.reset_parameters()  # PyTorch's default
        shrunk = network(x).std(0).mean()
    assert spread > 0.05
    assert shrunk < 0.005
