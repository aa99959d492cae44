"""Means of draws in units of their Monte-Carlo error.

`LIMIT` is 4.5 standard errors: a normal mean passes it by chance 7e-6 of the time for
each number compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pyro
import pytest
import torch
from pyro.ops.stats import effective_sample_size
from torch import Tensor

LIMIT = 4.5


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Run the tests that import this on one thread: small matrices only wait for a second one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def repeat(draw: Callable[[], Tensor], num_samples: int) -> Tensor:
    """Call a function many times: (S, ...), in float64 and without gradient."""
    with pyro.validation_enabled(False):
        return torch.stack([draw().detach().double() for _ in range(num_samples)])


def off(draws: Tensor, expected: Tensor | float) -> float:
    """How far the mean of independent draws (S, ...) is off, in standard errors: the largest over all numbers."""
    error = draws.std(0) / len(draws) ** 0.5
    return float(((draws.mean(0) - expected).abs() / error.clamp_min(1e-12)).max())


def above(draws: Tensor, ceiling: Tensor | float) -> float:
    """How far the mean of independent draws (S,) lies above a ceiling, in standard errors; negative below it."""
    return float(
        (draws.mean() - ceiling) / (draws.std() / len(draws) ** 0.5).clamp_min(1e-12)
    )


def apart(first: Tensor, second: Tensor) -> float:
    """How far the means of two sets of independent draws are apart, in standard errors: the largest."""
    error = (first.var(0) / len(first) + second.var(0) / len(second)).sqrt()
    return float(
        ((first.mean(0) - second.mean(0)).abs() / error.clamp_min(1e-12)).max()
    )


def off_chains(chains: Tensor, expected: Tensor) -> float:
    """How far the mean of chains (C, S, ...) is off, in standard errors that allow for autocorrelation."""
    size = effective_sample_size(chains, chain_dim=0, sample_dim=1)
    error = chains.flatten(0, 1).std(0) / size.sqrt()
    return float(((chains.flatten(0, 1).mean(0) - expected).abs() / error).max())
