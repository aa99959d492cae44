"""Deterministic sites of a Pyro program, such as tensors that `poutine.reparam` computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pyro.distributions as dist
import torch
from pyro.poutine import Trace
from torch import Tensor
from torch.func import vmap

from zoo.inference.mcmc.density.program import Program
from zoo.runtime.sites import stochastic

ValuesAt = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]
_AT_ONCE = 100  # draws at which a program is run in one call


def deterministic_sites(trace: Trace) -> frozenset[str]:
    """Return the names of the sites that `pyro.deterministic` or `poutine.reparam` made."""
    found = set()
    for name, site in stochastic(trace).items():
        distribution = site["fn"]
        while not isinstance(distribution, dist.Delta):
            distribution = getattr(distribution, "base_dist", None)
            if distribution is None:
                break

        if site["is_observed"] and distribution is not None:
            found.add(name)

    return frozenset(found)


def deterministic_values(
    program: Program, draws: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return the values of the deterministic sites at draws, (C, S, *shape) by name.

    Arguments:
        program: The program.
        draws: Values of the latent sites, (C, S, *shape) by name.
    """
    if not program.deterministic:
        return {}

    flat = {name: value.flatten(0, 1) for name, value in draws.items()}
    size = next(iter(draws.values())).shape[:2]

    def values_at(draw: Mapping[str, Tensor]) -> dict[str, Tensor]:
        nodes = program.trace(draw).nodes
        return {name: nodes[name]["value"] for name in sorted(program.deterministic)}

    with program.running():
        try:
            values = vmap(values_at, chunk_size=_AT_ONCE)(flat)
        except (RuntimeError, NotImplementedError, ValueError):
            values = _one_by_one(values_at, flat)

    return {name: value.unflatten(0, size) for name, value in values.items()}


def _one_by_one(values_at: ValuesAt, flat: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Run a program at one draw after the other."""
    rows = []
    for index in range(len(next(iter(flat.values())))):
        rows.append(values_at({name: value[index] for name, value in flat.items()}))

    return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}
