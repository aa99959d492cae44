"""The radial guide: its density, its draws, and its ELBO in closed form."""

import math

import exact
import pyro
import pyro.distributions as dist
import pytest
import torch
from monte_carlo import LIMIT, above, off, one_thread, repeat  # noqa: F401
from torch.distributions import kl_divergence

import guides
import zoo
from guides.radial import RadialNormal
from zoo import likelihoods, networks, priors
from zoo.inference.svi.elbo import elbo

NOISE, PRIOR_SCALE = 0.5, 2.0


def radial(size, event_dim=1):
    generator = torch.Generator().manual_seed(0)
    loc = torch.randn(size, generator=generator, dtype=torch.float64)
    return RadialNormal(
        loc, 0.3 + torch.rand(size, generator=generator, dtype=torch.float64), event_dim
    )


def test_in_one_dimension_it_is_the_normal():
    points = torch.linspace(-3, 3, 7, dtype=torch.float64)
    for distribution, values in (
        (radial(1), points.unsqueeze(-1)),
        (radial(1, event_dim=0), points.unsqueeze(-1)),
    ):
        normal = dist.Normal(distribution.loc, distribution.scale)
        assert torch.allclose(
            distribution.log_prob(values).flatten(), normal.log_prob(values).flatten()
        )
        assert torch.allclose(distribution.entropy(), normal.entropy())


def spherical(size, steps):
    """Return the points (G, D) of a grid in spherical coordinates, and their volumes (G,)."""
    radii = (torch.arange(steps, dtype=torch.float64) + 0.5) * 9 / steps
    turns = (torch.arange(steps, dtype=torch.float64) + 0.5) * 2 * math.pi / steps
    if size == 2:
        r, phi = torch.cartesian_prod(radii, turns).unbind(-1)
        return torch.stack([r * phi.cos(), r * phi.sin()], -1), r * (9 / steps) * (
            2 * math.pi / steps
        )
    r, theta, phi = torch.cartesian_prod(radii, turns / 2, turns).unbind(-1)
    points = torch.stack(
        [r * theta.sin() * phi.cos(), r * theta.sin() * phi.sin(), r * theta.cos()], -1
    )
    return points, r.square() * theta.sin() * (9 / steps) * (math.pi / steps) * (
        2 * math.pi / steps
    )


@pytest.mark.parametrize("size", [2, 3])
def test_the_density_integrates_to_one(size):
    """The grid around the centre is stretched by the scales, whose product is its Jacobian."""
    distribution = radial(size)
    points, volume = spherical(size, 60)
    density = (
        distribution.log_prob(distribution.loc + distribution.scale * points).exp()
        * volume
        * distribution.scale.prod()
    )
    assert abs(density.sum() - 1) < 1e-3
    both_sides = density.sum() / 2  # N(|v|) without the factor 2
    without_scale = density.sum() / distribution.scale.prod()
    # Without the surface of the ball:
    normal = density.sum() * 2 / (2 * math.pi ** (size / 2) / math.gamma(size / 2))
    for wrong in (both_sides, without_scale, normal):
        assert abs(wrong - 1) > 0.05


def test_draws_have_the_moments_and_the_entropy_of_the_distribution():
    """Test 12 variances, a length and an entropy: 4.5 standard errors each, false alarm 1e-4."""
    pyro.set_rng_seed(1)
    distribution = RadialNormal(
        *(part.reshape(3, 4) for part in (radial(12).loc, radial(12).scale)), 2
    )
    draws = distribution.rsample((4000,))
    assert draws.shape == (4000, 3, 4)
    squares = (draws - distribution.loc).square()
    assert off(draws, distribution.mean) < LIMIT
    assert off(squares, distribution.variance) < LIMIT
    assert off(squares, distribution.scale.square()) > LIMIT
    assert off((squares / distribution.scale.square()).sum((1, 2)), 1.0) < LIMIT
    assert torch.allclose(
        distribution.entropy(), exact.radial_entropy(distribution.scale)
    )
    assert off(-distribution.log_prob(draws), distribution.entropy()) < LIMIT
    assert (
        off(
            -distribution.log_prob(draws),
            dist.Normal(distribution.loc, distribution.scale).entropy().sum(),
        )
        > LIMIT
    )


def test_the_divergence_from_normals_is_what_draws_estimate():
    pyro.set_rng_seed(2)
    distribution, prior = (
        radial(5),
        dist.Normal(torch.tensor(0.3).double(), 0.7).expand([5]).to_event(1),
    )
    draws = distribution.rsample((4000,))
    estimates = distribution.log_prob(draws) - prior.log_prob(draws)
    assert off(estimates, kl_divergence(distribution, prior)) < LIMIT
    assert (
        off(
            estimates,
            kl_divergence(
                dist.Normal(distribution.loc, distribution.scale).to_event(1), prior
            ),
        )
        > LIMIT
    )
    with pytest.raises(NotImplementedError):
        kl_divergence(distribution, dist.Laplace(prior.base_dist.loc, 1.0).to_event(1))


def test_each_draw_of_a_plate_has_a_length_of_its_own():
    pyro.set_rng_seed(3)
    distribution = RadialNormal(torch.zeros(2, 3), torch.ones(2, 3), 1)
    assert (distribution.batch_shape, distribution.event_shape) == ((2,), (3,))
    draws = distribution.expand([5, 2]).rsample()
    assert draws.shape == (5, 2, 3)
    assert distribution.log_prob(draws).shape == (5, 2)
    assert len(draws.norm(dim=-1).flatten().unique()) == 10


# On linear regression


@pytest.fixture(scope="module")
def linear():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(30, 3, generator=generator, dtype=torch.float64)
    x[:, 1] += 0.8 * x[:, 0]
    y = x.sum(-1, keepdim=True) + NOISE * torch.randn(
        30, 1, generator=generator, dtype=torch.float64
    )
    prior = priors.WeightPrior(dist.Normal(0.0, PRIOR_SCALE))
    model = zoo.BayesianNetwork(
        networks.MLP(3, 1, hidden=[]).double(), prior, likelihoods.Gaussian(NOISE)
    )
    features = exact.features(x)
    return (
        model,
        (x, y),
        features,
        exact.linear_posterior(features, y.squeeze(-1), NOISE, PRIOR_SCALE),
    )


def place(model, loc, scale):
    guide = guides.Radial(model)
    with torch.no_grad():
        for name, part in (
            ("layer1.weight", slice(0, 3)),
            ("layer1.bias", slice(3, 4)),
        ):
            guide.loc[name].copy_(loc[part].reshape(guide.loc[name].shape))
            guide.rho[name].copy_(
                scale[part].expm1().log().reshape(guide.rho[name].shape)
            )
    return guide


# The size of the site of each coefficient.
SIZES = torch.tensor([3.0, 3.0, 3.0, 1.0], dtype=torch.float64)


def optimum(posterior):
    return posterior.mean, (SIZES / posterior.precision.diagonal()).sqrt()


def test_the_elbo_at_the_optimum_is_the_closed_form_and_a_bound(linear):
    pyro.set_rng_seed(4)
    model, data, features, posterior = linear
    loc, scale = optimum(posterior)
    variance = scale.square() / SIZES
    likelihood = exact.expected_log_likelihood(
        features, data[1].squeeze(-1), NOISE, loc, variance.diag()
    ).sum()
    prior = torch.distributions.Normal(0.0, PRIOR_SCALE).log_prob(
        loc
    ).sum() - variance.sum() / (2 * PRIOR_SCALE**2)
    entropy = exact.radial_entropy(scale[:3]) + exact.radial_entropy(scale[3:])
    guide = place(model, loc, scale)
    draws = repeat(lambda: elbo(model, guide, *data), 500, traced=True)
    assert guide.bound
    assert off(draws, likelihood + prior + entropy) < LIMIT
    assert above(draws, posterior.log_evidence) < -LIMIT
    normal = torch.distributions.Normal(loc, scale).entropy().sum()
    for wrong in (normal, 0.0, entropy / 4, entropy - scale.log().sum()):
        assert off(draws, likelihood + prior + wrong) > LIMIT


def test_the_gradient_is_zero_at_the_root_of_the_size_over_the_precision(linear):
    pyro.set_rng_seed(5)
    model, data, _, posterior = linear
    loc, scale = optimum(posterior)

    def gradients(scale, num_samples):
        guide = place(model, loc, scale)

        def gradient():
            parts = torch.autograd.grad(
                elbo(model, guide, *data), list(guide.parameters())
            )
            return torch.cat([part.flatten() for part in parts])

        return repeat(gradient, num_samples, traced=True)

    assert off(gradients(scale, 500), 0.0) < LIMIT
    for wrong in (posterior.precision.diagonal().rsqrt(), scale.square()):
        assert off(gradients(wrong, 200), 0.0) > LIMIT


def test_a_site_with_bounded_support_is_radial_before_its_transform():
    likelihood = likelihoods.Gaussian(dist.HalfNormal(1.0))
    model = zoo.BayesianNetwork(
        nn_layer(), priors.WeightPrior(dist.Normal(0.0, 1.0)), likelihood
    )
    guide = guides.Radial(model, init_scale=0.4, max_scale=0.5)
    values = torch.linspace(1e-3, 20.0, 20001, dtype=torch.float64)
    density = guide.distribution(guide.sites["likelihood:scale"]).log_prob(values).exp()
    assert abs(torch.trapezoid(density, values) - 1) < 1e-3
    with torch.no_grad():
        guide.rho["weight"].fill_(50.0)
    assert guide.scale("weight").max() <= 0.5


def nn_layer():
    return torch.nn.Linear(2, 1).double()
