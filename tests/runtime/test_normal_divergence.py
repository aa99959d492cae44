"""The divergence between normals in few passes is torch's, with its gradients."""

import pyro.distributions as dist
import pytest
import torch
from torch.distributions import kl_divergence

import guides
from zoo.runtime.normal_divergence import normal_divergence

SHAPE = (5, 3)


def normals(is_one_number):
    torch.manual_seed(0)
    loc = torch.randn(SHAPE, dtype=torch.float64, requires_grad=True)
    scale = torch.rand(SHAPE, dtype=torch.float64).add(0.1).requires_grad_()
    shape = () if is_one_number else SHAPE
    prior_loc = torch.randn(shape, dtype=torch.float64)
    prior_scale = torch.rand(shape, dtype=torch.float64) + 0.1
    prior = dist.Normal(prior_loc, prior_scale).expand(SHAPE).to_event(2)
    return loc, scale, dist.Normal(loc, scale).to_event(2), prior


@pytest.mark.parametrize("is_one_number", [True, False])
def test_the_value_and_two_gradients_are_those_of_torch(is_one_number):
    loc, scale, q, p = normals(is_one_number)
    values = normal_divergence(q, p), kl_divergence(q, p).sum()
    torch.testing.assert_close(*values)
    assert not torch.isclose(values[0], kl_divergence(p, q).sum())  # the wrong answer

    found = []
    for value in values:
        first = torch.autograd.grad(value, (loc, scale), create_graph=True)
        squares = sum(gradient.square().sum() for gradient in first)
        found.append((*first, *torch.autograd.grad(squares, (loc, scale))))
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("scale", [1e-12, 1e-4, 1e4])
def test_scales_far_from_those_of_the_prior(scale):
    loc = torch.tensor([100.0, -100.0], requires_grad=True)
    q = dist.Normal(loc, torch.full((2,), scale))
    p = dist.Normal(0.0, 1.0).expand([2])
    exact = kl_divergence(
        dist.Normal(loc.double(), q.scale.double()), dist.Normal(0.0, 1.0)
    ).sum()
    value = normal_divergence(q, p)
    torch.testing.assert_close(value.double(), exact, rtol=1e-6, atol=0)


def test_others_are_left_to_torch():
    _, _, q, p = normals(is_one_number=True)
    learned = dist.Normal(0.0, torch.ones(SHAPE).requires_grad_()).to_event(2)
    assert normal_divergence(q, learned) is None
    assert normal_divergence(q, dist.Laplace(0.0, 1.0).expand(SHAPE)) is None
    assert normal_divergence(dist.Laplace(0.0, 1.0).expand(SHAPE), p) is None
    assert normal_divergence(q, dist.Normal(0.0, 1.0).expand(SHAPE[1:])) is None


def test_it_works_under_the_transforms_of_torch():
    def value(loc):
        prior = dist.Normal(torch.zeros(3), torch.ones(3))
        return normal_divergence(
            dist.Normal(loc, torch.ones(3), validate_args=False), prior
        )

    loc = torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 1.0]])
    assert torch.equal(torch.func.vmap(value)(loc), torch.tensor([7.0, 0.5]))
    torch.testing.assert_close(torch.func.vmap(torch.func.grad(value))(loc), loc)


def test_the_guides_with_normals_use_it():
    lazy = guides.local_reparam.LazyNormal(torch.zeros(3), torch.ones(3))
    assert normal_divergence(lazy, dist.Normal(0.0, 1.0).expand([3])).item() == 0.0
