"""The moments of SGD on a quadratic loss, whose stationary covariance is known exactly."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from monte_carlo import LIMIT, off, one_thread  # noqa: F401
from torch.utils.data import DataLoader, RandomSampler, TensorDataset

import zoo
from zoo import inference, likelihoods, networks, priors

NUM_DATA, NUM_INPUTS, NUM_OUTPUTS, NUM_RUNS = 12, 2, 20, 10
PER_EPOCH, NUM_EPOCHS, BURN_IN = 6, 40, 15
LR, MOMENTUM, RANK, SCALE = 0.08, 0.5, 10, 2.0
LENGTH = NUM_EPOCHS - BURN_IN
PRIOR_SCALE = 2.0


def data():
    """Return inputs, and independent targets of many regressions with the same inputs."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(NUM_DATA, NUM_INPUTS, generator=generator).double()
    noise = torch.randn(NUM_DATA, NUM_OUTPUTS, generator=generator).double()
    return x, x.sum(-1, keepdim=True) + noise


def hessians(x):
    """Return the Hessian of the loss of each datum, prior included, (N, P, P)."""
    features = torch.cat([x, torch.ones(NUM_DATA, 1)], -1)
    prior = torch.eye(NUM_INPUTS + 1) / PRIOR_SCALE**2 / NUM_DATA
    return features[:, :, None] * features[:, None, :] + prior, features


def optimum_of(x, y):
    """Return the coefficients with the highest posterior density, (P, O)."""
    hessian, features = hessians(x)
    return torch.linalg.solve(hessian.mean(0), features.T @ y / NUM_DATA)


def gradients(x, y):
    """Return the gradient of the loss of each datum at the optimum, (N, P, O)."""
    _, features = hessians(x)
    optimum = optimum_of(x, y)
    residual = features @ optimum - y  # (N, O)
    prior = optimum / PRIOR_SCALE**2 / NUM_DATA
    return features[:, :, None] * residual[:, None, :] + prior


def noise_of_gradients(x, y):
    """Return the covariance of the gradients of the data at the optimum, (O, P, P)."""
    of_outputs = gradients(x, y).permute(2, 1, 0)  # (O, P, N)
    return of_outputs @ of_outputs.mT / NUM_DATA


def stationary(x, y, rate=LR):
    """Return the covariance of (w, v) of each output, and the mean of the matrix of a step.

    A step with the datum i is (w, v) <- M_i (w, v) + c_i around the optimum. Its covariance
    S solves the Lyapunov equation S = E[M S M'] + E[c c'].
    """
    hessian, _ = hessians(x)
    eye = torch.eye(NUM_INPUTS + 1).double()

    matrices, kicks = [], []
    for one, of_outputs in zip(hessian, gradients(x, y), strict=True):
        above = torch.cat([eye - rate * one, -rate * MOMENTUM * eye], 1)
        below = torch.cat([one, MOMENTUM * eye], 1)
        matrices.append(torch.cat([above, below]))
        kicks.append(torch.cat([-rate * of_outputs, of_outputs]))

    step = sum(torch.kron(one, one) for one in matrices) / NUM_DATA
    source = sum(one.T[:, :, None] * one.T[:, None, :] for one in kicks) / NUM_DATA
    right = source.flatten(1).T
    solved = torch.linalg.solve(torch.eye(len(step)).double() - step, right)
    return solved.T.unflatten(-1, source.shape[1:]), sum(matrices) / NUM_DATA


def autocovariance(covariance, matrix):
    """Return the covariance of the points s and t, (T, T, O, P, P)."""
    size = NUM_INPUTS + 1
    between = torch.linalg.matrix_power(matrix, PER_EPOCH)
    by_lag = []
    present = covariance
    for _ in range(LENGTH):
        by_lag.append(present[:, :size, :size])
        present = between @ present

    lagged = torch.stack(by_lag)
    number = torch.arange(LENGTH)
    lag = number[:, None] - number[None, :]
    found = lagged[lag.abs()]
    return torch.where((lag < 0)[:, :, None, None, None], found.mT, found)


def expected_moments(covariance, matrix):
    """Return what the variances and the low-rank part are on average, (O, P, P) each.

    The mean of correlated points has an error, which their covariance about it lacks.
    """
    between = autocovariance(covariance, matrix)
    of_mean = between.mean((0, 1))
    with_mean = between.mean(1)  # of each point with the mean, (T, O, P, P)
    number = torch.arange(LENGTH)
    about = between[number, number] - with_mean - with_mean.mT + of_mean
    last = about[-RANK:].sum(0) / (RANK - 1)
    return about.mean(0), last


def by_output(guide):
    """Return half-sum covariances of the three coefficients of each output, (O, P, P)."""
    factor, diagonal = guide.factors("joint")
    scale = torch.cat([guide.scale(name).flatten() for name in guide.sites])
    factor = (scale[:, None] * factor).detach()
    diagonal = (scale.square() * diagonal).detach()
    rows = _rows(guide)
    own = factor[rows]
    return own @ own.mT + torch.diag_embed(diagonal[rows])


def _rows(guide):
    index = {}
    for name in guide.sites:
        _, found = guide.rows(name)
        index[name] = torch.arange(found.start, found.stop)
    weight = index["layer1.weight"].reshape(NUM_OUTPUTS, NUM_INPUTS)
    return torch.cat([weight, index["layer1.bias"][:, None]], 1)


def fit(seed):
    pyro.set_rng_seed(seed)
    x, y = data()
    network = networks.MLP(NUM_INPUTS, NUM_OUTPUTS, hidden=[]).double()
    prior = priors.WeightPrior(dist.Normal(0.0, PRIOR_SCALE))
    model = zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(1.0))
    sampler = RandomSampler(range(NUM_DATA), replacement=True, num_samples=PER_EPOCH)
    loader = DataLoader(TensorDataset(x, y), batch_size=1, sampler=sampler)
    engine = inference.SWAG(
        model,
        num_epochs=NUM_EPOCHS,
        burn_in=BURN_IN,
        lr=LR,
        swa_lr=LR,
        momentum=MOMENTUM,
        rank=RANK,
        scale=SCALE,
        progress=False,
    )
    return engine.fit(loader, num_data=NUM_DATA)


@pytest.fixture(scope="module")
def runs():
    return [fit(seed) for seed in range(NUM_RUNS)]


def ratios(runs, exact):
    """Return the covariance of each run over the exact one, a mean over outputs, (R,)."""
    inverse = torch.linalg.inv(exact)
    found = torch.stack([by_output(run.guide) for run in runs])
    return (inverse @ found).diagonal(dim1=-2, dim2=-1).mean((-2, -1))


def test_the_covariance_is_that_of_the_iterates(runs):
    covariance, matrix = stationary(*data())
    variances, low_rank = expected_moments(covariance, matrix)
    diagonal = torch.diag_embed(variances.diagonal(dim1=-2, dim2=-1))
    exact = SCALE / 2 * (diagonal + low_rank)
    of_each = ratios(runs, exact)
    assert off(of_each, 1.0) < LIMIT
    assert 0.01 < float(of_each.std()) / NUM_RUNS**0.5 < 0.07
    assert off(of_each, 1 / SCALE) > 2 * LIMIT


def test_at_small_rates_the_spread_is_proportional_to_the_rate():
    """Then the covariance solves HS + SH = lr C / (1 - momentum), as `SWAG` says."""
    x, y = data()
    rate = 1e-3
    covariance, _ = stationary(x, y, rate)
    hessian, _ = hessians(x)
    size = NUM_INPUTS + 1
    found = covariance[:, :size, :size]
    mean = hessian.mean(0)
    noise = noise_of_gradients(x, y)
    left = mean @ found + found @ mean
    assert torch.allclose(left, rate / (1 - MOMENTUM) * noise, rtol=0.01, atol=2e-5)
    without_momentum = rate * noise
    assert not torch.allclose(left, without_momentum, rtol=0.3, atol=2e-5)


def test_the_mean_is_the_optimum(runs):
    covariance, matrix = stationary(*data())
    optimum = optimum_of(*data())
    of_mean = autocovariance(covariance, matrix).mean((0, 1))
    inverse = torch.linalg.inv(of_mean)
    squares = []
    for run in runs:
        guide = run.guide
        mean = torch.cat([guide.loc[name].flatten() for name in guide.sites])
        error = mean.detach()[_rows(guide)] - optimum.T
        of_outputs = torch.einsum("op,opq,oq->o", error, inverse, error)
        squares.append(of_outputs.mean())
    assert off(torch.stack(squares), NUM_INPUTS + 1.0) < LIMIT
