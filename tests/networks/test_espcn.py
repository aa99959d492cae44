"""ESPCN: published sizes, an initial image without a checkerboard, fits to images."""

import pyro
import pyro.distributions as dist
import pytest
import torch

import guides
import zoo
from zoo import inference, likelihoods, networks, priors


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_sizes_are_those_of_the_paper(factor):
    network = networks.ESPCN(factor)
    last = 32 * 9 * factor**2 + factor**2
    weights = (25 * 64 + 64) + (64 * 9 * 32 + 32) + last
    assert sum(parameter.numel() for parameter in network.parameters()) == weights
    assert network(torch.zeros(2, 1, 5, 7)).shape == (2, 1, 5 * factor, 7 * factor)


def test_it_begins_with_repeated_pixels():
    torch.manual_seed(0)
    network, x = networks.ESPCN(3, channels=2), torch.randn(2, 2, 6, 6)
    blocks = network(x).unfold(2, 3, 3).unfold(3, 3, 3).flatten(-2)
    assert torch.equal(blocks, blocks[..., :1].expand_as(blocks))
    assert blocks.std() > 0.01
    network.conv3.reset_parameters()  # PyTorch's default is a checkerboard
    blocks = network(x).unfold(2, 3, 3).unfold(3, 3, 3).flatten(-2)
    assert blocks.std(-1).mean() > 0.5 * blocks.std()


def test_a_residual_network_adds_the_repeated_pixels():
    torch.manual_seed(0)
    x = torch.randn(2, 2, 4, 5)
    network = networks.ESPCN(2, channels=2, residual=True)
    repeated = x.repeat_interleave(2, -1).repeat_interleave(2, -2)
    with torch.no_grad():
        alone = networks.ESPCN(2, channels=2)
        alone.load_state_dict(network.state_dict())
        torch.testing.assert_close(network(x), alone(x) + repeated)


def test_further_channels_of_the_output_are_noise_scales():
    torch.manual_seed(0)
    x, y = torch.randn(6, 1, 4, 5), torch.randn(6, 1, 8, 10)
    network = networks.ESPCN(2, widths=(4, 3), out_channels=2, residual=True)
    for layer in (network.conv3.weight, network.conv3.bias):
        torch.nn.init.zeros_(layer)

    mean, raw = network(x).unbind(1)
    repeated = x[:, 0].repeat_interleave(2, -1).repeat_interleave(2, -2)
    assert torch.equal(mean, repeated)
    assert not raw.any()
    noise = likelihoods.HeteroscedasticGaussian(dim=-3)
    model = zoo.BayesianNetwork(
        network, priors.WeightPrior(dist.Normal(0.0, 0.1)), noise
    )
    guide = guides.MeanField(model)
    engine = inference.SVI(model, guide, num_steps=2, progress=False)
    prediction = engine.fit((x, y)).predict(x, 3)
    assert prediction.mean.shape == prediction.std.shape == y.shape
    assert prediction.distribution.scale.shape == (3, *y.shape)
    with pytest.raises(ValueError, match="must have two outputs for each target"):
        noise.distribution(torch.zeros(2, 3, 4, 4), {})
    with pytest.raises(ValueError, match="write -1, or -3 for images, not 1"):
        likelihoods.HeteroscedasticGaussian(dim=1)
    with pytest.raises(ValueError, match=r"at least the 2 channel.* not 1"):
        networks.ESPCN(2, channels=2, out_channels=1)


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match=r"factor must be a whole number .* not 0"):
        networks.ESPCN(0)
    with pytest.raises(ValueError, match="widths must be two numbers of channels"):
        networks.ESPCN(2, widths=(64,))
    with pytest.raises(AttributeError, match=r"write networks\.ESPCN\(factor\)"):
        _ = networks.SuperResolution


@pytest.mark.parametrize("noise", ["Gaussian", "LaplaceNoise"])
@pytest.mark.parametrize("name", ["Flipout", "MCDropout", "NodeMixture"])
def test_images_have_posteriors_over_weights_and_nodes(name, noise, tmp_path):
    pyro.set_rng_seed(0)
    likelihood = getattr(likelihoods, noise)(dist.LogNormal(-2.0, 1.0))
    prior = priors.WeightPrior(dist.Normal(0.0, 0.1))
    if name == "NodeMixture":
        prior = priors.NodePrior(dist.Normal(1.0, 0.3))
    network = networks.ESPCN(2, widths=(4, 3))
    model = zoo.BayesianNetwork(network, prior, likelihood)
    x, y = torch.randn(6, 1, 5, 4), torch.randn(6, 1, 10, 8)
    make = getattr(guides, name)
    engine = inference.SVI(model, make(model), num_steps=3, progress=False)
    posterior = engine.fit((x, y))
    prediction = posterior.predict(x, 4)
    assert prediction.mean.shape == prediction.std.shape == y.shape
    assert prediction.log_prob(y).shape == (6,)
    larger = posterior.predict(torch.randn(1, 1, 9, 8), 2)  # an image of another size
    assert larger.mean.shape == (1, 1, 18, 16)
    posterior.save(tmp_path / "posterior.safetensors")
    again = zoo.load(tmp_path / "posterior.safetensors", model, guide=make(model))
    assert again.predict(x, 2).mean.shape == y.shape
    with pytest.raises(ValueError, match=r"targets have shape \(6, 1, 15, 12\)"):
        engine.fit((x, torch.randn(6, 1, 15, 12)))


def test_the_density_of_a_patch_is_the_sum_over_its_pixels():
    network = networks.ESPCN(2, widths=(4, 3))
    prior = priors.WeightPrior(dist.Normal(0.0, 0.1))
    model = zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(0.5))
    x, y = torch.randn(3, 1, 4, 4), torch.randn(3, 1, 8, 8)
    guide = guides.Delta(model)
    posterior = inference.SVI(model, guide, num_steps=1, progress=False).fit((x, y))
    prediction = posterior.predict(x, 1)
    expected = dist.Normal(prediction.mean, 0.5).log_prob(y).sum((1, 2, 3))
    torch.testing.assert_close(prediction.log_prob(y), expected)
    trace = pyro.poutine.trace(model).get_trace(x, y, num_data=12)
    noise = trace.nodes["likelihood:y"]["fn"]
    assert noise.event_shape == (1, 8, 8)
    assert trace.nodes["likelihood:y"]["scale"] == 12 / 3  # patches, not pixels
