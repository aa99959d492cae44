"""References with closed forms: two modes of known weight, and the limit of a wide network."""

import math

import pyro
import pytest
import torch

from zoo import references
from zoo.references.problems.wide import exact_limit, kernel


@pytest.fixture(scope="module")
def grid():
    """Return slopes, intercepts and the log joint density of `two-modes` on a grid."""
    x, y = (part.double() for part in references.two_modes().data.train)
    slope = torch.linspace(-3, 3, 601, dtype=torch.float64)[:, None]
    bias = torch.linspace(-5, 5, 501, dtype=torch.float64)[None, :]

    def normal(value, loc, scale):
        return torch.distributions.Normal(loc, scale).log_prob(value)

    modes = torch.stack([normal(slope, loc, 0.3) for loc in (-1.0, 1.0)])
    prior = modes.logsumexp(0) - math.log(2.0) + normal(bias, 0.0, 1.0)
    likelihood = torch.zeros_like(prior)
    for one_x, one_y in zip(x.flatten(), y.flatten(), strict=True):
        likelihood = likelihood + normal(one_y, slope * one_x + bias, 2.0)

    cell = (slope[1, 0] - slope[0, 0]) * (bias[0, 1] - bias[0, 0])
    return slope, bias, prior + likelihood, cell


def test_the_evidence_of_two_modes_is_that_of_a_grid(grid):
    _, _, log_joint, cell = grid
    found = float(log_joint.flatten().logsumexp(0) + cell.log())
    exact = references.two_modes().log_evidence
    assert exact == pytest.approx(found, abs=1e-4)
    assert exact != pytest.approx(found + math.log(2.0), abs=1e-2)


def test_the_draws_of_two_modes_have_the_weights_of_a_grid(grid):
    slope, _, log_joint, _ = grid
    weights = log_joint.flatten().softmax(0).reshape(log_joint.shape)
    share = float(weights[(slope > 0).flatten()].sum())

    problem = references.two_modes()
    pyro.set_rng_seed(0)
    posterior = problem.runs["exact"].fit(problem.data.train)
    drawn = posterior.draws["layer1.weight"].flatten()
    error = math.sqrt(share * (1 - share) / len(drawn))
    found = float((drawn > 0).double().mean())
    assert abs(found - share) < 4.5 * error
    assert abs(0.5 - share) > 4.5 * error  # modes of equal weight would be found out

    mean = float((weights.sum(1) * slope.flatten()).sum())
    spread = float(drawn.double().std()) / math.sqrt(len(drawn))
    assert abs(float(drawn.double().mean()) - mean) < 4.5 * spread


def test_the_kernel_is_the_mean_product_of_random_units():
    x = torch.tensor([[-1.5], [0.3], [2.0]], dtype=torch.float64)
    random = torch.Generator().manual_seed(0)
    size = 200_000
    weight = 2**0.5 * torch.randn(size, 1, generator=random, dtype=torch.float64)
    bias = torch.randn(size, 1, generator=random, dtype=torch.float64)
    units = torch.relu(weight @ x.T + bias)  # (size, 3)

    products = units[:, :, None] * units[:, None, :]
    expected = 1.0 + 2.0 * products.mean(0)
    error = 2.0 * products.std(0) / math.sqrt(size)
    found = kernel(x, x)
    assert float(((found - expected) / error).abs().max()) < 4.5
    shifted = found - 1.0  # without the bias of the output
    assert float(((shifted - expected) / error).abs().min()) > 4.5


def test_the_limit_is_the_normal_that_is_conditioned_on_the_data():
    x, y = references.wide().data.train
    inputs = torch.linspace(-3, 3, 5).unsqueeze(-1)
    limit = exact_limit(x, y, inputs)

    together = torch.cat([x, inputs]).double()
    prior = kernel(together, together) + 1e-10 * torch.eye(45, dtype=torch.float64)
    # a posterior precision is that of the prior plus that of the data
    precision = torch.linalg.inv(prior)
    precision[:40, :40] += torch.eye(40, dtype=torch.float64) / 0.3**2
    covariance = torch.linalg.inv(precision)
    pulled = torch.cat([y.double() / 0.3**2, torch.zeros(5, 1, dtype=torch.float64)])
    mean = (covariance @ pulled)[40:, 0]
    assert torch.allclose(limit.mean, mean, atol=1e-4)
    assert torch.allclose(limit.covariance_matrix, covariance[40:, 40:], atol=1e-4)
    assert not torch.allclose(limit.covariance_matrix, prior[40:, 40:], atol=0.1)


def test_the_wide_network_was_sampled_where_its_limit_is():
    reference = references.load("wide")
    x, y = reference.data.train
    limit = exact_limit(x, y, reference.inputs)
    values = reference.runs["NUTS"].functions.values.flatten(0, 1)[..., 0].double()
    error = limit.stddev / math.sqrt(
        len(values)
    )  # thinned draws are nearly independent
    assert float(((values.mean(0) - limit.mean) / error).abs().max()) < 4.5
    ratio = values.std(0) / limit.stddev
    assert float((ratio - 1).abs().max()) < 4.5 / math.sqrt(2 * len(values))

    prior = exact_limit(x[:1], y[:1], reference.inputs)  # of one datum it is elsewhere
    assert float(((values.mean(0) - prior.mean) / error).abs().max()) > 4.5
