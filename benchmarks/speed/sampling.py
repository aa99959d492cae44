"""Samplers on the 13-50-1 network: effective draws per second beside Pyro, NumPyro and BlackJAX.

All have four chains, float32, the same threads, and as many draws in warm-up and
afterwards; Pyro's own, which takes a thousand times a millisecond and a half for each
draw, has fewer. One run each: they take minutes.
"""

from __future__ import annotations

import contextlib
import math
import statistics
from collections.abc import Callable

from benchmarks.speed import peers_sampling, samplers
from benchmarks.speed.row import Row, Settings, Target, missing
from benchmarks.speed.score import Score

WORK = "13-50-1 network, 500 points"
PYRO, NUMPYRO, BLACKJAX = (
    Target(floor, goal, at_most=False)
    for floor, goal in ((20, 100), (0.5, 1.5), (0.7, 1.5))
)
GPU = Target(0.5, 3.0, at_most=False)
METHODS = ("vectorized", "sequential")
Runner = Callable[[Settings, int, int], Score]
WARMUP, DRAWS = 400, 800  # draws of NUTS
STEPS, TUNED = 200, 10_000  # microcanonical steps of a draw; steps of warm-up
BLACKJAX_SHARE = 1 / 3  # of the steps that it is told of are those that it tunes with
QUICK_PYRO = {"step_size": 1e-3, "adapt_step_size": False, "adapt_mass_matrix": False}


def samplers_of_all(settings: Settings) -> list[Row]:
    """Run every sampler, ours and theirs alternating, and compare."""
    chains = 256 if settings.device == "cuda" else 4
    work = WORK if settings.device == "cpu" else f"{WORK}, {chains} chains"
    make: dict[str, Runner] = {
        **{"NUTS": our_nuts, "NumPyro": their_nuts, "HMC": our_hmc},
        **{"MCLMC": our_mclmc, "BlackJAX": their_mclmc},
    }
    runs: dict[str, list[Score]] = {name: [] for name in make}
    for name, run in make.items():
        with contextlib.suppress(ImportError):
            runs[name].append(run(settings, chains, 0))
    ours, micro = runs["NUTS"], runs["MCLMC"]
    target = GPU if settings.device == "cuda" else NUMPYRO
    rows = beside_numpyro(work, ours, [micro, runs["HMC"]], runs["NumPyro"], target)
    if runs["BlackJAX"]:
        rows.append(
            against(
                work, "ours, MCLMC / BlackJAX MCLMC", micro, runs["BlackJAX"], BLACKJAX
            )
        )
    else:
        rows.append(
            missing(work, "least ESS/s, ours, MCLMC / BlackJAX MCLMC", "BlackJAX")
        )
    if settings.device == "cpu":
        runs["Pyro"] = [pyro_nuts(settings)]
        rows = [
            against(work, "ours, NUTS / Pyro NUTS", ours, runs["Pyro"], PYRO),
            *rows,
        ]
    return [
        *rows,
        *(
            Row(work, score.sampler, None, facts=score.facts())
            for found in runs.values()
            for score in found
        ),
    ]


def our_nuts(settings: Settings, chains: int, seed: int) -> Score:
    """Run our NUTS; in a hurry compiled all the same, for that is how a long run goes."""
    warmup, draws = int(settings.pick(20, WARMUP)), int(settings.pick(10, DRAWS))
    return samplers.ours(
        "NUTS",
        settings,
        chains,
        warmup,
        draws,
        seed,
        compile=settings.pick("compiled", "auto"),
    )


def our_hmc(settings: Settings, chains: int, seed: int) -> Score:
    """Run our HMC with trajectories a tenth of NUTS's long, which was found on this problem."""
    warmup, draws = int(settings.pick(20, WARMUP)), int(settings.pick(10, 4 * DRAWS))
    length = {
        "num_steps": 120,
        "jitter": 0.9,
        "target_accept_prob": 0.7,
        "shared_mass": True,
    }
    how = settings.pick("compiled", "auto")
    return samplers.ours(
        "HMC", settings, chains, warmup, draws, seed, compile=how, **length
    )


def our_mclmc(settings: Settings, chains: int, seed: int) -> Score:
    """Run our MCLMC, with as many steps of warm-up as BlackJAX tunes with."""
    steps, draws = int(settings.pick(20, STEPS)), int(settings.pick(50, 1000))
    warmup = int(settings.pick(TUNED / 10, TUNED)) // steps
    how = settings.pick("compiled", "auto")
    return samplers.ours(
        "MCLMC", settings, chains, warmup, draws, seed, num_steps=steps, compile=how
    )


def their_nuts(settings: Settings, chains: int, seed: int) -> Score:
    """Run NumPyro's NUTS, chains in one program or in turn, as a short trial says is faster."""
    method = METHODS[0]
    if not settings.quick and settings.device == "cpu":
        trial = {
            name: peers_sampling.numpyro_nuts(settings, chains, 20, 10, seed, name)
            for name in METHODS
        }
        method = min(trial, key=lambda name: trial[name].microseconds)
    warmup, draws = int(settings.pick(20, WARMUP)), int(settings.pick(10, DRAWS))
    return peers_sampling.numpyro_nuts(settings, chains, warmup, draws, seed, method)


def their_mclmc(settings: Settings, chains: int, seed: int) -> Score:
    """Run BlackJAX's MCLMC, chains in one program or in turn, as a short trial says is faster."""
    steps, draws = int(settings.pick(20, STEPS)), int(settings.pick(50, 1000))
    together = True
    if not settings.quick and settings.device == "cpu":
        trial = {
            way: peers_sampling.blackjax_mclmc(
                settings, chains, 3000, 20, steps, seed, way
            )
            for way in (True, False)
        }
        together = trial[True].microseconds < trial[False].microseconds
    tuning = int(settings.pick(TUNED / 10, TUNED) / BLACKJAX_SHARE)
    return peers_sampling.blackjax_mclmc(
        settings, chains, tuning, draws, steps, seed, together
    )


def pyro_nuts(settings: Settings) -> Score:
    """Run Pyro's NUTS for as long as can be borne: in a hurry one chain from a step size that others found."""
    if settings.quick:
        return samplers.stock(settings, 1, 1, 4, 0, **QUICK_PYRO)
    return samplers.stock(settings, 4, 10, 10, 0)


def beside_numpyro(
    work: str,
    ours: list[Score],
    others: list[list[Score]],
    peer: list[Score],
    target: Target,
) -> list[Row]:
    """Make the rows beside NumPyro: effective draws per second, and what they are made of."""
    if not peer:
        return [missing(work, "least ESS/s, ours, best / NumPyro NUTS", "NumPyro")]
    best = max(
        [ours, *others],
        key=lambda scores: statistics.median(score.per_second for score in scores),
    )
    name = best[0].sampler.removeprefix("ours, ")
    rows = [against(work, f"ours, best ({name}) / NumPyro NUTS", best, peer, target)]
    for scores in [best] if best is ours else [best, ours]:
        own = scores[0].sampler.replace(",", "")
        if scores is not best:
            rows.append(
                against(work, f"{scores[0].sampler} / NumPyro NUTS", scores, peer)
            )
        rows += [
            of(
                work,
                f"ESS per gradient, {own} / NumPyro NUTS",
                scores,
                peer,
                lambda run: run.least / run.gradients,
            ),
            of(
                work,
                f"us a gradient, NumPyro NUTS / {own}",
                peer,
                scores,
                lambda run: run.microseconds,
            ),
        ]
    return rows


def against(
    work: str,
    compared: str,
    ours: list[Score],
    theirs: list[Score],
    target: Target | None = None,
) -> Row:
    """Divide effective draws per second; where the peer's count as zero, say what gradients alone would give."""
    row = of(
        work,
        f"least ESS/s, {compared}",
        ours,
        theirs,
        lambda score: score.per_second,
        target,
    )
    cost = statistics.median(
        score.microseconds for score in theirs
    ) / statistics.median(s.microseconds for s in ours)
    row.note = f"By microseconds a gradient the ratio is {cost:.2f}."
    for score in [*ours, *theirs]:
        if score.least == 0.0:
            row.note += f" {score.sampler} counts as zero: R-hat {score.worst:.2f} after {score.values.shape[1]} draws."
    return row


def of(
    work: str,
    compared: str,
    above: list[Score],
    below: list[Score],
    number: Callable[[Score], float],
    target: Target | None = None,
) -> Row:
    """Divide the medians of a number of two samplers."""
    top, bottom = (
        statistics.median(number(score) for score in scores)
        for scores in (above, below)
    )
    ratio = top / bottom if bottom > 0 else (math.inf if top > 0 else None)
    return Row(work, compared, ratio, target)
