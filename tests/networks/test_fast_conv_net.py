"""FastConvNet: the whitened patches, the start at the identity, and wrong arguments."""

import pyro
import pyro.distributions as dist
import pytest
import torch
import torch.nn.functional as F

import zoo
from zoo import likelihoods, networks, priors


def correlated(number=200):
    """Return images whose neighbouring pixels and channels are correlated."""
    mix = torch.tensor([[1.0, 0.8, 0.7], [0.0, 0.3, 0.1], [0.0, 0.0, 0.2]])
    smooth = F.avg_pool2d(torch.randn(number, 3, 18, 18), 3, 1)
    return torch.einsum("nchw,cd->ndhw", smooth, mix)


def moments(network, x):
    outputs = network.whitening(x).movedim(1, -1).flatten(0, -2)
    return outputs.T @ outputs / len(outputs)


def test_whitened_patches_are_uncorrelated_with_unit_variance():
    torch.manual_seed(0)
    x = correlated()
    network = networks.FastConvNet(widths=(4, 4, 4))
    assert network.whiten(x, eps=0.0) is network
    half = torch.eye(12)
    expected = torch.cat([torch.cat([half, -half]), torch.cat([-half, half])], 1)
    torch.testing.assert_close(moments(network, x), expected, atol=0.01, rtol=0)
    plain = networks.FastConvNet(widths=(4, 4, 4))
    assert (moments(plain, x) - expected).abs().max() > 0.3


def test_the_whitened_filters_are_a_buffer_that_no_prior_reaches():
    network = networks.FastConvNet(widths=(4, 4, 4)).whiten(correlated())
    assert "whitening.weight" in dict(network.named_buffers())
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    model = zoo.BayesianNetwork(network, prior, likelihoods.Categorical())
    assert "whitening.bias" in model.latents
    assert "whitening.weight" not in model.latents


def test_a_convolution_starts_as_the_identity():
    layer = networks.FastConvNet(widths=(4, 32)).groups[1].conv1
    x = torch.randn(2, 4, 6, 6)
    torch.testing.assert_close(layer(x)[:, :4], x)
    assert layer(x)[:, 4:].std() > 0.1


def test_normalisation_has_a_bias_and_no_scale():
    norm = networks.FastConvNet(widths=(5,)).groups[0].norm1
    x = 3 + 2 * torch.randn(64, 5, 4, 4)
    outputs = norm(x)
    torch.testing.assert_close(outputs.std((0, 2, 3)), torch.ones(5), atol=1e-3, rtol=0)
    assert [name for name, _ in norm.named_parameters()] == ["bias"]


def test_the_published_widths_have_the_published_number_of_weights():
    network = networks.FastConvNet(widths=(64, 256, 256))
    sizes = [parameter.numel() for parameter in network.parameters()]
    assert sum(sizes) == 1_971_352  # and 288 filters of the first layer
    assert network.whitening.weight.numel() == 288


def test_the_same_seed_makes_the_same_network_and_any_size_of_image_fits():
    made = []
    for _ in range(2):
        pyro.set_rng_seed(3)
        made.append(networks.FastConvNet(widths=(4, 8)).eval())
    first, second = made
    x = torch.randn(2, 3, 20, 28)
    torch.testing.assert_close(first(x), second(x))


def test_wrong_arguments_are_refused():
    with pytest.raises(
        ValueError, match=r"widths must be numbers of channels.*not \(\)"
    ):
        networks.FastConvNet(widths=())
    with pytest.raises(ValueError, match=r"widths must be .*not \(4, 0\)"):
        networks.FastConvNet(widths=(4, 0))
    with pytest.raises(
        ValueError, match=r"x must be images \(N, 3, H, W\).*\(8, 1, 9, 9\)"
    ):
        networks.FastConvNet().whiten(torch.randn(8, 1, 9, 9))
