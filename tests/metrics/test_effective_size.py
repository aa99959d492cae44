"""The effective sample size: Pyro's number, that of a known chain, and of many draws."""

import pytest
import torch
from monte_carlo import LIMIT
from pyro.ops.stats import effective_sample_size

from zoo.metrics.effective_size import effective_size


def autoregressive(correlation, *shape):
    """Return draws (C, S, *) each of which is correlated with the one before."""
    noise = torch.randn(*shape, dtype=torch.float64) * (1 - correlation**2) ** 0.5
    draws = [torch.randn(shape[0], *shape[2:], dtype=torch.float64)]
    for number in range(1, shape[1]):
        draws.append(correlation * draws[-1] + noise[:, number])
    return torch.stack(draws, 1)


@pytest.mark.parametrize("shape", [(4, 100), (1, 51), (3, 40, 2, 5)])
@pytest.mark.parametrize("correlation", [-0.5, 0.0, 0.9])
def test_it_is_pyros_number(shape, correlation):
    draws = autoregressive(correlation, *shape)
    expected = effective_sample_size(draws, chain_dim=0, sample_dim=1)
    torch.testing.assert_close(effective_size(draws), expected)


def test_it_is_that_of_an_autoregressive_chain():
    correlation = 0.6
    sizes = effective_size(autoregressive(correlation, 4, 2000, 50)) / 8000
    exact = (1 - correlation) / (1 + correlation)
    error = sizes.std() / 50**0.5
    assert abs(sizes.mean() - exact) < LIMIT * error + 0.01 * exact  # it is cut off
    assert abs(sizes.mean() - 1.0) > LIMIT * error  # as if draws were independent


def test_many_draws_take_little_memory():
    draws = torch.randn(1, 200_000)  # a matrix of all pairs would take 40 GB
    assert 150_000 < float(effective_size(draws)) < 250_000
