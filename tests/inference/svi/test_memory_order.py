"""A step pairs each gradient with its weight, whatever the order of either in memory."""

from functools import partial

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch.optim import Adam

import guides
import zoo
from zoo import inference, likelihoods, networks, priors

X = torch.randn(16, 1, 9, 9, generator=torch.Generator().manual_seed(0))
Y = torch.nn.functional.interpolate(X, scale_factor=3.0)
PICTURES = torch.randn(16, 3, 8, 8, generator=torch.Generator().manual_seed(1))
LABELS = torch.arange(16) % 10


def fitted(memory_format, make_guide):
    """Return the weights of a network after five steps of Adam, from the same start."""
    torch.manual_seed(0)
    network = networks.ESPCN(3, widths=(8, 4)).to(memory_format=memory_format)
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    model = zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(0.1))
    pyro.set_rng_seed(1)
    engine = inference.SVI(model, make_guide(model), num_steps=5, progress=False)
    return engine.fit((X, Y), batch_size=16).means()


@pytest.mark.parametrize("make_guide", [guides.Delta, guides.MCDropout])
def test_weights_channels_last_move_as_others_do(make_guide):
    """Adam's fused kernel pairs by place in memory: weights then moved by those of others."""
    plain = fitted(torch.contiguous_format, make_guide)
    last = fitted(torch.channels_last, make_guide)
    for name, value in plain.items():
        moved = (last[name] - value).abs().max()
        assert moved < 1e-4, (
            name
        )  # a wrong pairing moves by the rate, 1e-2, at each step


@pytest.mark.parametrize(
    "memory_format", [torch.contiguous_format, torch.channels_last]
)
def test_point_estimates_move_as_without_the_fused_kernel(memory_format):
    """Gradients of convolutions are channels last where images are, also under nodes."""

    def moved(**options):
        torch.manual_seed(0)
        network = networks.ResNet(8, width=4).to(memory_format=memory_format)
        prior = priors.NodePrior(dist.Normal(1.0, 0.1), weights=priors.Point())
        model = zoo.BayesianNetwork(network, prior, likelihoods.Categorical())
        pyro.set_rng_seed(1)
        guide = guides.Delta(model)
        engine = inference.SVI(
            model, guide, num_steps=3, scheduler=None, progress=False, **options
        )
        posterior = engine.fit((PICTURES, LABELS), batch_size=16)
        return posterior.network().state_dict()

    fused = moved()
    plain = moved(optimizer=partial(Adam, foreach=False))
    for name, value in plain.items():
        assert torch.allclose(fused[name], value, atol=1e-4), name


def test_the_fused_kernel_does_not_check_the_order():
    """If this fails, PyTorch pairs elements itself, and `_like` of the steps can go."""
    weight = torch.zeros(8, 4, 3, 3).to(memory_format=torch.channels_last)
    weight.requires_grad_()
    gradient = torch.randn(8, 4, 3, 3)
    weight.grad = gradient
    Adam([weight], lr=1.0, fused=True).step()
    assert not torch.equal(weight.sign(), -gradient.sign())
