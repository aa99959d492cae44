"""A function of one draw, applied to many: vectorised if it can be, else one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pyro
import torch
from pyro import poutine
from torch import Tensor
from torch.utils._pytree import tree_map

from guides._base.guide import Guide
from guides._lazy.lazy import plain

Draws = dict[str, Tensor]


def each_draw(
    function: Callable[[Mapping[str, Tensor]], Any],
    draws: Mapping[str, Tensor],
    chunk_size: int,
) -> Any:
    """Return the results of a function for each of S draws, (S, ...) each.

    Arguments:
        function: A function of one value of each site that returns tensors.
        draws: Values (S, *shape) by site.
        chunk_size: Number of draws at once.
    """
    vectorised = torch.vmap(function, randomness="same", chunk_size=chunk_size)
    try:
        return vectorised(draws)
    except RuntimeError:  # a layer without a batching rule
        number = len(next(iter(draws.values())))

    results = []
    for index in range(number):
        draw = {name: value[index] for name, value in draws.items()}
        results.append(function(draw))

    return tree_map(lambda *parts: torch.stack(parts), *results)


def scored_draws(guide: Guide, num_samples: int) -> tuple[Draws, Tensor]:
    """Draw all sites of a guide many times, with the log density of each draw.

    Arguments:
        guide: A guide with a density.
        num_samples: Number of draws S.

    Returns:
        Values (S, *shape) by site, and log densities (S,).
    """
    own = getattr(guide, "scored_draws", None)
    if own is not None:
        return own(num_samples)

    values = many_draws(guide, num_samples)
    return values, guide.log_prob(values)


def many_draws(guide: Guide, num_samples: int) -> Draws:
    """Draw all sites of a guide many times, site -> (S, *shape), outside of any program.

    Arguments:
        guide: The guide.
        num_samples: Number of draws S.
    """
    try:
        with poutine.block(), pyro.plate("draws", num_samples, dim=-1):
            drawn = guide()
    except (RuntimeError, ValueError):  # a guide that does not broadcast in a plate
        with poutine.block():
            runs = [guide() for _ in range(num_samples)]

        names = list(runs[0])
        return {name: torch.stack([plain(run[name]) for run in runs]) for name in names}

    return {name: plain(value) for name, value in drawn.items()}
