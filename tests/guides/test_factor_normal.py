"""Densities of a normal with a Cholesky factor of some hundred elements, in single precision."""

import pyro.distributions as dist
import torch

from guides._base.factor_normal import FactorNormal
from guides._base.parameters import correlation_factor

SIZE = 500
SCALE = 0.35  # of the unconstrained parameters, as after a fit of a thousand steps


def ill_conditioned_factor():
    """Return a Cholesky factor whose inverse has large elements."""
    torch.manual_seed(0)
    lower = SCALE * torch.randn(SIZE * (SIZE - 1) // 2)

    return correlation_factor(lower, SIZE)


def exact_log_prob(factor, noise):
    """Return the log density of loc + L noise, in double precision."""
    standard = dist.Normal(torch.zeros((), dtype=torch.float64), 1.0)
    volume = factor.double().diagonal().log().sum()

    return standard.log_prob(noise.double()).sum(-1) - volume


def test_a_draw_has_its_density_where_a_solve_has_lost_all_digits():
    factor = ill_conditioned_factor()
    normal = FactorNormal(torch.zeros(SIZE), factor)
    value = normal.rsample((3,))
    exact = exact_log_prob(factor, normal._last[1])

    solved = dist.MultivariateNormal(torch.zeros(SIZE), scale_tril=factor)

    assert torch.allclose(normal.log_prob(value).double(), exact, rtol=1e-5)
    assert ((solved.log_prob(value) - exact).abs() > 100.0).all()


def test_other_values_have_the_density_of_a_multivariate_normal():
    factor = correlation_factor(0.3 * torch.randn(10), 5)
    loc = torch.randn(5)
    normal = FactorNormal(loc, factor)
    solved = dist.MultivariateNormal(loc, scale_tril=factor)
    drawn = normal.rsample((4,))

    for value in (drawn, drawn.clone(), torch.randn(4, 5)):
        assert torch.allclose(normal.log_prob(value), solved.log_prob(value), atol=1e-4)


def test_the_density_of_a_draw_has_the_gradient_of_the_volume_alone():
    factor = correlation_factor(0.3 * torch.randn(10), 5).requires_grad_()
    normal = FactorNormal(torch.zeros(5), factor)
    normal.log_prob(normal.rsample()).backward()

    assert torch.allclose(factor.grad, torch.diag(-1.0 / factor.detach().diagonal()))


def test_a_batch_of_draws_has_a_density_for_each():
    normal = FactorNormal(torch.zeros(5), torch.eye(5)).expand([3])

    assert normal.log_prob(normal.rsample()).shape == (3,)
