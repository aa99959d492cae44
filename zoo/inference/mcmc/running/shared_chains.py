"""Chains that several processes share: who runs which, and all of them in one posterior."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, cast

from torch import Tensor

from zoo.inference.mcmc.running.more_chains import (
    ChainGroup,
    divide_chains,
    later_file,
)
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.info import MCMCInfo
from zoo.posterior.posterior import Posterior
from zoo.posterior.thinning import evenly
from zoo.runtime.caller import stack_level
from zoo.runtime.processes import LostRank, Processes

_PARALLEL = ("seconds", "seconds_warmup", "seconds_tracing")  # not a sum over processes


def divide_over_ranks(
    path: Path | None, num_chains: int, num_ranks: int
) -> list[list[ChainGroup]]:
    """Return the chains of each process, contiguous ones.

    Chains that have a file stay together. So a run goes on with another number of processes.

    Arguments:
        path: The file of the first chains, None for a run without files.
        num_chains: Number of all chains.
        num_ranks: Number of processes.

    Raises:
        ValueError: There are fewer chains, or files of them, than processes.
    """
    known: list[int] = []
    if path is not None:
        for group in divide_chains(path, num_chains):
            if group.path is not None and group.path.is_file():
                known.append(group.size)

    left = num_chains - sum(known)
    num_new = min(left, max(1, num_ranks - len(known)))
    bounds = [left * number // max(1, num_new) for number in range(num_new + 1)]
    new = [end - begin for begin, end in pairwise(bounds)]
    sizes = [*known, *new]
    if len(sizes) < num_ranks:
        what = f"files of {num_chains} chains" if known else "chains"
        raise ValueError(
            f"{len(sizes)} {what} are fewer than {num_ranks} ranks; write torchrun "
            f"--nproc-per-node {len(sizes)}, or num_chains={num_chains + num_ranks}"
        )

    groups = []
    for size, end in zip(sizes, accumulate(sizes), strict=True):
        first = end - size
        file = None if path is None else later_file(path, first)
        groups.append(ChainGroup(file, first, size))

    ends = [len(groups) * rank // num_ranks for rank in range(num_ranks + 1)]

    return [groups[begin:end] for begin, end in pairwise(ends)]


def check_groups(
    groups: Sequence[Sequence[ChainGroup]], make: Callable[[int], object]
) -> None:
    """Check that the sampler takes the number of chains of each process.

    Arguments:
        groups: The chains of each process.
        make: Makes the sampler of so many chains.

    Raises:
        ValueError: It does not; the message says how many there are.
    """
    for rank, own in enumerate(groups):
        for group in own:
            try:
                make(group.size)
            except ValueError as error:
                raise ValueError(
                    f"chains are divided over {len(groups)} ranks, and rank {rank} has "
                    f"{group.size}: {error}"
                ) from error


def initial_draws(init: Any, group: ChainGroup, num_chains: int) -> Any:
    """Return initial positions for a part of all chains, which differ from the others'.

    Arguments:
        init: Initial positions for all chains, as in `ChainEngine`.
        group: The part.
        num_chains: Number of all chains.
    """
    if not isinstance(init, DrawsPosterior):
        return init  # drawn with the random numbers of this process

    index = evenly(init.num_samples, num_chains)[group.first : group.first + group.size]
    chosen = {}
    for name, value in init.stored().items():
        chosen[name] = value.flatten(0, 1)[index.to(value.device)][None]

    return init.with_stored(chosen, init.info)


def gathered(own: DrawsPosterior, ranks: Processes) -> DrawsPosterior:
    """Return all chains in the first process; every other one keeps its own.

    The chains of a process that was lost are missing, which `info.stopped` says. If some
    ended early, the others are cut to their number of draws.

    Arguments:
        own: The chains of this process.
        ranks: The processes.
    """
    info = replace(cast(MCMCInfo, own.info), error=None)
    on_cpu = {name: value.cpu() for name, value in own.stored().items()}
    try:
        values, lost = ranks.gather((on_cpu, info))
    except LostRank as error:
        return _said(
            own, f"the first rank was lost, so these are the chains of one: {error}"
        )

    if not ranks.is_first:
        return own

    length = min(len(next(iter(draws.values()))[0]) for draws, _ in values)
    parts = [_cut(own, draws, statistics, length) for draws, statistics in values]
    posterior = parts[0]
    if len(parts) > 1:
        posterior = cast(DrawsPosterior, Posterior.concat(parts))

    infos = [statistics for _, statistics in values]
    slowest = {name: max(getattr(each, name) for each in infos) for name in _PARALLEL}
    posterior.info = replace(cast(MCMCInfo, posterior.info), **slowest)
    if not lost:
        return posterior

    names = ", ".join(map(str, lost))
    number = posterior.num_chains

    return _said(
        posterior,
        f"lost rank {names} of {ranks.size}; kept the other ranks' chains, {number} in all",
    )


def _cut(own: DrawsPosterior, draws: dict[str, Tensor], info: Any, length: int) -> Any:
    """Return draws as a posterior, at most so many of each chain."""
    values = {}
    for part in fields(info):
        value = getattr(info, part.name)
        is_of_draws = isinstance(value, Tensor) and value.dim() >= 2
        values[part.name] = value[:, :length] if is_of_draws else value

    kept = {name: value[:, :length] for name, value in draws.items()}

    return own.with_stored(kept, type(info)(**values))


def _said(posterior: DrawsPosterior, sentence: str) -> DrawsPosterior:
    """Say in a warning and in `info.stopped` what is missing."""
    info = cast(MCMCInfo, posterior.info)
    info.stopped = "; ".join(filter(None, [sentence, info.stopped]))
    warnings.warn(sentence, stacklevel=stack_level())

    return posterior
