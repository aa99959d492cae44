"""Which rows there are, the most deciding ones first, and who makes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from benchmarks.samplers.blackjax_side import LEAST_CHAINS as THEIR_LEAST
from benchmarks.samplers.blackjax_side import BlackJAX
from benchmarks.samplers.numpyro_side import METHODS, NumPyroNUTS
from benchmarks.samplers.nutpie_side import Nutpie
from benchmarks.samplers.ours import LEAST_CHAINS, OURS, Ours
from benchmarks.samplers.posteriors import POSTERIORS, Posterior
from benchmarks.samplers.pyro_side import PyroNUTS
from benchmarks.samplers.run import Budget, Side

CHAINS = (4, 64, 16, 1, 256)  # in the order in which they decide
FEW_SEEDS, ALL_SEEDS = 5, 16  # for the median function, and for the least
MakeSide = Callable[[Posterior, int, int], Side]


class Key(NamedTuple):
    """Which row it is.

    Arguments:
        posterior: Name of the posterior.
        sampler: Library and name of the sampler.
        chains: Number of chains.
        seed: The seed.
    """

    posterior: str
    sampler: str
    chains: int
    seed: int


def samplers() -> dict[str, MakeSide]:
    """Return all samplers by name: ours and theirs in turn."""
    ours = {f"ours {name}": partial(Ours, name) for name in OURS}
    theirs: dict[str, MakeSide] = {}
    for method in METHODS:
        theirs[f"NumPyro NUTS {method}"] = partial(NumPyroNUTS, method)
    for name in ("MCLMC", "NUTS", "MEADS", "ChEES"):
        theirs[f"BlackJAX {name}"] = partial(BlackJAX, name)
    theirs["nutpie NUTS"] = Nutpie
    theirs["Pyro NUTS"] = PyroNUTS

    return ours | theirs


# so that ours and theirs are measured in turn
ORDER = (
    "ours NUTS",
    "NumPyro NUTS sequential",
    "ours MCLMC",
    "BlackJAX MCLMC",
    "ours MAMS",
    "NumPyro NUTS vectorized",
    "ours MEADS",
    "BlackJAX MEADS",
    "ours ChEES",
    "BlackJAX ChEES",
    "nutpie NUTS",
    "BlackJAX NUTS",
    "Pyro NUTS",
)


def can_run(sampler: str, chains: int) -> bool:
    """Return whether a sampler has enough chains, and not too many to run in turn."""
    name = sampler.split()[-1]
    least = LEAST_CHAINS if sampler.startswith("ours") else THEIR_LEAST
    if sampler == "BlackJAX NUTS":
        # BlackJAX's trees wait for each other at every leaf, so few rows tell enough
        return chains in (4, 64)
    if sampler == "Pyro NUTS":
        return chains == 4  # a millisecond or more for a gradient
    if sampler == "nutpie NUTS" or sampler.endswith("sequential"):
        return chains <= 16

    return chains >= least.get(name, 1)


def keys() -> Iterator[Key]:
    """Return the keys of all rows, the most deciding ones first.

    At first five seeds at each number of chains, for the median function; then the other
    seeds at four and at 64 chains, for the least function.
    """
    for chains in CHAINS:
        for seed in range(FEW_SEEDS):
            yield from _keys_of(chains, seed)

    for chains in CHAINS[:2]:
        for seed in range(FEW_SEEDS, ALL_SEEDS):
            yield from _keys_of(chains, seed)


def _keys_of(chains: int, seed: int) -> Iterator[Key]:
    """Return the keys of all posteriors and samplers, small posteriors first."""
    for posterior in reversed(POSTERIORS):
        for sampler in ORDER:
            if can_run(sampler, chains):
                yield Key(posterior, sampler, chains, seed)


def budget_of(
    posterior: Posterior, chains: int, share: float, seconds: float | None
) -> Budget:
    """Return the budget of a row: gradients of all chains, more for many chains.

    Arguments:
        posterior: What is sampled.
        chains: Number of chains.
        share: Share of the usual budget, e.g. 0.001 to try the programs.
        seconds: Seconds of sampling; None for no limit.
    """
    factor = max(1.0, chains / 16)
    warmup = max(20, int(500 * min(1.0, share)))

    return Budget(share * factor * posterior.gradients, seconds, warmup)
