"""Mass matrices: whitening and back, estimates from few draws, fewer leapfrog steps."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from monte_carlo import one_thread  # noqa: F401

from zoo import inference
from zoo.inference.mcmc.adaptation import directions, mass_matrix
from zoo.inference.mcmc.adaptation.mass_matrix import (
    METRICS,
    MassMatrix,
    estimate_mass_matrix,
)

SIZE = 40


def correlated(size=SIZE):
    """Return a float64 covariance (P, P) of scales from 0.1 to 10 with three odd directions."""
    generator = torch.Generator().manual_seed(3)
    turn, _ = torch.linalg.qr(
        torch.randn(size, size, generator=generator, dtype=torch.float64)
    )
    spread = torch.ones(size, dtype=torch.float64)
    spread[:3] = torch.tensor([100.0, 50.0, 0.01])
    scale = torch.logspace(-1, 1, size, dtype=torch.float64)
    return scale[:, None] * ((turn * spread) @ turn.T) * scale


def sampled(covariance, chains, count):
    """Return normal draws, with another mean in each chain, and their gradients, (C, S, P)."""
    draws = (
        torch.randn(chains, count, len(covariance)).to(covariance)
        @ torch.linalg.cholesky(covariance).T
    )
    centres = 10 * torch.arange(chains).to(covariance)[:, None, None]
    return draws + centres, torch.linalg.solve(
        covariance, draws.transpose(1, 2)
    ).transpose(1, 2)


def matrix(mass_matrix):
    """Return A of the first chain."""
    rows = [
        MassMatrix(*(part[:1] for part in mass_matrix)).colour(row[None])[0]
        for row in torch.eye(SIZE).to(mass_matrix.scale)
    ]
    return torch.stack(rows, 1)


def condition(mass_matrix, covariance):
    """Return the ratio of the largest to the smallest scale in whitened coordinates."""
    inverse = torch.linalg.inv(matrix(mass_matrix))
    values = torch.linalg.eigvalsh(inverse @ covariance @ inverse.T)
    return float((values[-1] / values[0]).sqrt())


def of_variances(draws):
    """Return the diagonal mass matrix of the variances of draws."""
    scale = draws.std(1)
    return MassMatrix.identity(scale)._replace(scale=scale)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("rank", [0, 3, SIZE])
@pytest.mark.parametrize("shared", [False, True])
def test_whitening_is_the_inverse_of_colouring(rank, shared, dtype):
    draws, gradients = (part.to(dtype) for part in sampled(correlated(), 2, 30))
    mass_matrix = estimate_mass_matrix(draws, gradients, rank, shared)
    assert all(part.dtype == dtype for part in mass_matrix)
    assert [part.shape for part in mass_matrix] == [
        (2, SIZE),
        (2, SIZE, rank),
        (2, rank),
    ]
    u, gradient = torch.randn(2, SIZE, dtype=dtype), torch.randn(2, SIZE, dtype=dtype)
    assert torch.allclose(
        mass_matrix.whiten(mass_matrix.colour(u)),
        u,
        rtol=1e-4,
        atol=1e-4 if dtype == torch.float32 else 1e-9,
    )
    along = (mass_matrix.colour(u) * gradient).sum(-1)
    assert torch.allclose(
        along, (u * mass_matrix.whiten_gradient(gradient)).sum(-1), rtol=1e-5, atol=1e-4
    )
    assert torch.equal(mass_matrix.scale[0], mass_matrix.scale[1]) == shared


def test_the_identity_changes_nothing():
    u = torch.randn(3, 5)
    for rank in (0, 2):
        mass_matrix = MassMatrix.identity(u, rank)
        assert torch.equal(mass_matrix.colour(u), u)
        assert torch.equal(mass_matrix.whiten(u), u)
        assert torch.equal(mass_matrix.whiten_gradient(u), u)


def test_a_dense_mass_matrix_is_the_covariance_of_a_normal():
    covariance = correlated()
    found = matrix(estimate_mass_matrix(*sampled(covariance, 2, SIZE + 10), SIZE))
    assert torch.allclose(
        found @ found.T, covariance, rtol=1e-2, atol=1e-3 * float(covariance.max())
    )


def test_two_draws_of_independent_parameters_give_the_exact_diagonal():
    scale = torch.logspace(-2, 2, SIZE, dtype=torch.float64)
    draws, gradients = sampled(torch.diag(scale.square()), 3, 2)
    assert torch.allclose(
        estimate_mass_matrix(draws, gradients).scale, scale.expand(3, -1)
    )
    assert condition(of_variances(draws), torch.diag(scale.square())) > 10


def test_few_draws_with_gradients_find_the_directions_that_variances_miss():
    covariance = correlated()
    draws, gradients = sampled(covariance, 1, 20)
    plain = condition(of_variances(draws), covariance)
    found = condition(estimate_mass_matrix(draws, gradients, 5), covariance)
    assert plain > 50
    assert found < plain / 4
    assert (
        condition(estimate_mass_matrix(*sampled(covariance, 1, 200), 3), covariance) < 5
    )


def test_a_shared_mass_matrix_centres_each_chain_at_its_own_mean():
    covariance = correlated()
    draws, gradients = sampled(covariance, 4, 12)
    apart, together = (
        condition(estimate_mass_matrix(draws, gradients, SIZE, shared), covariance)
        for shared in (False, True)
    )
    assert together < 1.5
    assert together < apart / 3


def test_constant_or_infinite_elements_keep_scale_1():
    draws, gradients = sampled(correlated(), 2, 10)
    draws[..., 0] = 1.0
    gradients[0, 3, 1] = torch.inf
    mass_matrix = estimate_mass_matrix(draws, gradients, 4)
    assert all(bool(torch.isfinite(part).all()) for part in mass_matrix)
    assert (mass_matrix.scale[:, 0] == 1).all()


def test_the_scales_of_every_metric():
    covariance = correlated()
    draws, gradients = sampled(covariance, 1, 4000)
    variance = covariance.diagonal()
    curvature = torch.linalg.inv(covariance).diagonal()
    squared = {
        "fisher": (variance / curvature).sqrt(),
        "variance": variance,
        "hessian": 1 / curvature,
    }
    for metric in METRICS:
        found = estimate_mass_matrix(draws, gradients, metric=metric).scale[0].square()
        for name, exact in squared.items():
            assert torch.allclose(found, exact, rtol=0.2) == (name == metric)


def stiffness(mass_matrix, covariance, noise):
    """Return the square root of widest variance times largest curvature, whitened."""
    whitening = matrix(mass_matrix)
    inverse = torch.linalg.inv(whitening)
    curvature = torch.linalg.inv(covariance) + noise * torch.eye(SIZE).to(covariance)
    widest = torch.linalg.eigvalsh(inverse @ covariance @ inverse.T)[-1]
    return float(
        (widest * torch.linalg.eigvalsh(whitening.T @ curvature @ whitening)[-1]).sqrt()
    )


def of_all_draws(draws, gradients, rank):
    """Return directions and stretches from the same draws, and without shrinkage."""
    return directions._farthest(draws, gradients, rank, shrinkage=0.0)


@pytest.mark.parametrize("count", [20, 30, 100])
def test_directions_from_few_draws_never_hurt(count, monkeypatch):
    """The gradients of a network differ from those of a normal by more than noise."""
    noise = 3.0
    covariance = torch.eye(SIZE).double()
    draws, gradients = sampled(covariance, 1, count)
    gradients = gradients + noise**0.5 * torch.randn_like(gradients)
    plain, found = (
        stiffness(estimate_mass_matrix(draws, gradients, rank), covariance, noise)
        for rank in (0, 8)
    )
    assert found < 1.05 * plain
    monkeypatch.setattr(mass_matrix, "stretched_directions", of_all_draws)
    trusted = estimate_mass_matrix(draws, gradients, 8)
    assert stiffness(trusted, covariance, noise) > 1.3 * plain


def test_directions_are_found_in_spite_of_noise():
    covariance = correlated()
    draws, gradients = sampled(covariance, 1, 30)
    units = covariance.diagonal().rsqrt()
    gradients = gradients + units * torch.randn_like(gradients)
    plain, found = (
        condition(estimate_mass_matrix(draws, gradients, rank), covariance)
        for rank in (0, 5)
    )
    assert found < plain / 2


def test_the_metric_is_one_of_three():
    with pytest.raises(
        ValueError,
        match="metric must be one of 'fisher', 'variance', 'hessian', not 'var'",
    ):
        inference.HMC(lambda: None, metric="var")


@pytest.mark.full
def test_a_low_rank_mass_matrix_needs_fewer_leapfrog_steps():
    distribution = dist.MultivariateNormal(torch.zeros(SIZE), correlated().float())
    steps = []
    for rank in (0, 5):
        pyro.set_rng_seed(0)
        engine = inference.HMC(
            lambda: pyro.sample("z", distribution),
            num_chains=2,
            warmup_steps=100,
            num_samples=5,
            trajectory_length=1.5,
            max_steps=30,
            mass_rank=rank,
            init="prior",
            compile=False,
            progress=False,
        )
        steps.append(float(engine.fit(()).info.n_steps.double().mean()))
    assert steps[1] < steps[0] / 2
