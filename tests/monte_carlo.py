"""Means of draws in units of their Monte-Carlo error.

`LIMIT` is 4.5 standard errors: a normal mean passes it by chance 7e-6 of the time for
each number compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

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


def repeat(
    draw: Callable[[], Tensor], num_samples: int, traced: bool = False
) -> Tensor:
    """Call a function many times: (S, ...), in float64 and without gradient.

    Its graph, which SVI runs too, makes all draws at once in a fraction of the time.
    """
    if traced:
        return _at_once(draw, num_samples)

    with pyro.validation_enabled(False):
        return torch.stack([draw().detach().double() for _ in range(num_samples)])


def _at_once(draw: Callable[[], Tensor], num_samples: int) -> Tensor:
    """Return draws of the graph of a function, each operation for all of them."""
    from zoo.tracing.graphs.graph import trace
    from zoo.tracing.graphs.operations import is_uninitialised

    with pyro.validation_enabled(False):
        draw()  # it may find out something in its first run
        graph = trace(lambda: (draw(),), [])

    for node in graph.graph.nodes:
        if is_uninitialised(node.target):
            node.target = partial(_random, node.target)

    def one(_number: Tensor) -> Tensor:
        return graph.run(*graph.captured)[0].double()

    with torch.no_grad():
        return torch.vmap(one, randomness="different")(torch.arange(num_samples))


def _random(make: Callable[..., Tensor], *args: Any, **kwargs: Any) -> Tensor:
    """Return random numbers for memory that is written to, of which each draw needs its own."""
    return torch.rand_like(make(*args, **kwargs))


def off(draws: Tensor, expected: Tensor | float) -> float:
    """Return the largest error of the mean of independent draws (S, ...), in standard errors."""
    error = draws.std(0) / len(draws) ** 0.5
    return float(((draws.mean(0) - expected).abs() / error.clamp_min(1e-12)).max())


def above(draws: Tensor, ceiling: Tensor | float) -> float:
    """Return how far the mean of draws (S,) lies above a ceiling, in standard errors."""
    return float(
        (draws.mean() - ceiling) / (draws.std() / len(draws) ** 0.5).clamp_min(1e-12)
    )


def apart(first: Tensor, second: Tensor) -> float:
    """Return the largest difference of the means of two sets of draws, in standard errors."""
    error = (first.var(0) / len(first) + second.var(0) / len(second)).sqrt()
    return float(
        ((first.mean(0) - second.mean(0)).abs() / error.clamp_min(1e-12)).max()
    )


def off_chains(chains: Tensor, expected: Tensor) -> float:
    """Return the error of the mean of chains (C, S, ...), in standard errors of chains."""
    size = effective_sample_size(chains, chain_dim=0, sample_dim=1)
    error = chains.flatten(0, 1).std(0) / size.sqrt()
    return float(((chains.flatten(0, 1).mean(0) - expected).abs() / error).max())


def off_moments(draws: Tensor, covariance: Tensor) -> float:
    """Return how far mean and covariance of chains (C, S, P) are off, in standard errors."""
    z = draws.double() @ torch.linalg.inv(torch.linalg.cholesky(covariance.double())).T
    return max(
        off_chains(z, torch.zeros(())),
        off_chains(z[..., :, None] * z[..., None, :], torch.eye(z.shape[-1])),
    )
