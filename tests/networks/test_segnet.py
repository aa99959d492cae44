"""SegNet: published sizes, maxima in their places, any size of image, and whose dropout it is."""

import pyro
import pyro.distributions as dist
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import guides
import zoo
from zoo import inference, likelihoods, networks, priors
from zoo.networks.segnet import _unpooled


def convolutions(network):
    return [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]


@pytest.mark.parametrize(
    ("basic", "number", "weights", "dropped"), [(True, 9, 1.4, 4), (False, 26, 29.5, 6)]
)
def test_the_two_networks_have_the_published_layers(basic, number, weights, dropped):
    with torch.device("meta"):
        network = networks.SegNet(11, basic=basic)
    assert len(convolutions(network)) == number
    size = sum(parameter.numel() for parameter in network.parameters())
    assert size / 1e6 == pytest.approx(weights, abs=0.06)
    assert len(network.dropped) == dropped
    names = dict(network.named_modules())
    widths = [names[name].in_channels for name in network.dropped]
    full = [256, 512, 512, 512, 256, 128]  # after poolings 3 to 5, decoders 5 to 3
    assert widths == ([64] * 4 if basic else full)


@pytest.mark.parametrize("size", [(6, 8), (7, 5)])
def test_maxima_are_put_back_in_their_places(size):
    x = torch.randn(2, 3, *size)
    f, indices = F.max_pool2d(x, 2, ceil_mode=True, return_indices=True)
    back = _unpooled(f, indices, x.shape[-2:])
    expected = F.max_unpool2d(f, indices, 2, output_size=size)
    assert torch.equal(back, expected)
    assert torch.equal(back[back != 0], x[back != 0])
    upsampled = F.interpolate(f, size)  # without the places
    assert not torch.equal(back, upsampled)


def test_an_image_may_have_any_size():
    network = networks.SegNet(5, basic=True, width=2).eval()
    for size in [(180, 240), (17, 23), (1, 1)]:
        assert network(torch.zeros(1, 3, *size)).shape == (1, 5, *size)
    whole = networks.SegNet(5, width=2, in_channels=1).eval()
    assert whole(torch.zeros(2, 1, 33, 40)).shape == (2, 5, 33, 40)
    with pytest.raises(ValueError, match=r"kernel_size must be odd, .* not 4"):
        networks.SegNet(kernel_size=4)
    with pytest.raises(ValueError, match="width must be a number of channels"):
        networks.SegNet(width=0)


def test_dropout_is_the_guides_and_normalisation_stays_fixed_at_prediction():
    pyro.set_rng_seed(0)
    network = networks.SegNet(3, basic=True, width=4, kernel_size=3)
    assert not any(isinstance(layer, nn.Dropout) for layer in network.modules())
    prior = priors.WeightPrior(priors.all_but_normalisation(dist.Normal(0.0, 1.0)))
    model = zoo.BayesianNetwork(network, prior, likelihoods.Categorical(dim=1))
    guide = guides.MCDropout(model, p=0.5, layers=network.dropped)
    x, y = torch.randn(4, 3, 12, 16), torch.randint(3, (4, 12, 16))
    posterior = inference.SVI(model, guide, num_steps=2, progress=False).fit((x, y))

    draws = posterior.sample(8)
    for name, value in draws.items():
        layer = name.removesuffix(".weight")
        varies = bool((value[1:] != value[:1]).any())
        assert varies == (layer in network.dropped), name

    alone = posterior.predict_with(draws, x[:1])
    among = posterior.predict_with(draws, x)  # a batch has no effect on its statistics
    torch.testing.assert_close(
        alone.outputs, among.outputs[:, :1], rtol=1e-4, atol=1e-4
    )
    assert alone.epistemic.max() > 0.0
