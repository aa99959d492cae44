"""Samplers on the 13-50-1 network: effective draws per second against Pyro, NumPyro and BlackJAX.

All have four chains, float32, the same number of threads, and the same numbers of draws
in warm-up and afterwards. Pyro's own sampler has fewer, because each of its draws takes a
thousand gradients of 1.5 ms. Each sampler runs once, for minutes.
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
PYRO = Target(20, 100, at_most=False)
NUMPYRO = Target(0.5, 1.5, at_most=False)
BLACKJAX = Target(0.7, 1.5, at_most=False)
GPU = Target(0.5, 3.0, at_most=False)
METHODS = ("vectorized", "sequential")
Runner = Callable[[Settings, int, int], Score]
WARMUP = 400  # draws of NUTS
DRAWS = 800
STEPS = 200  # microcanonical steps of a draw
TUNED = 10_000  # microcanonical steps of warm-up
BLACKJAX_SHARE = 1 / 3  # the share of its steps that BlackJAX uses for tuning
QUICK_PYRO = {"step_size": 1e-3, "adapt_step_size": False, "adapt_mass_matrix": False}


def samplers_of_all(settings: Settings) -> list[Row]:
    """Run every sampler, ours and theirs alternating, and compare them."""
    on_cpu = settings.device == "cpu"
    chains = 256 if settings.device == "cuda" else 4
    work = WORK if on_cpu else f"{WORK}, {chains} chains"
    runs = run_all(settings, chains)

    target = GPU if settings.device == "cuda" else NUMPYRO
    others = [runs["MCLMC"], runs["HMC"]]
    rows = against_numpyro(work, runs["NUTS"], others, runs["NumPyro"], target)

    compared = "ours, MCLMC / BlackJAX MCLMC"
    theirs = runs["BlackJAX"]
    if theirs:
        rows.append(against(work, compared, runs["MCLMC"], theirs, BLACKJAX))
    else:
        rows.append(missing(work, f"least ESS/s, {compared}", "BlackJAX"))

    if on_cpu:
        runs["Pyro"] = [pyro_nuts(settings)]
        row = against(work, "ours, NUTS / Pyro NUTS", runs["NUTS"], runs["Pyro"], PYRO)
        rows.insert(0, row)

    for scores in runs.values():
        for score in scores:
            rows.append(Row(work, score.sampler, None, facts=score.facts()))
    return rows


def run_all(settings: Settings, chains: int) -> dict[str, list[Score]]:
    """Run every sampler but Pyro's; the list is empty for a peer that is not installed."""
    make: dict[str, Runner] = {
        "NUTS": our_nuts,
        "NumPyro": their_nuts,
        "HMC": our_hmc,
        "MCLMC": our_mclmc,
        "BlackJAX": their_mclmc,
    }
    runs: dict[str, list[Score]] = {name: [] for name in make}
    for name, run in make.items():
        with contextlib.suppress(ImportError):
            runs[name].append(run(settings, chains, 0))

    return runs


def our_nuts(settings: Settings, chains: int, seed: int) -> Score:
    """Run our NUTS; compiled also for quick measurements, because long runs are."""
    warmup = int(settings.pick(20, WARMUP))
    draws = int(settings.pick(10, DRAWS))
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
    """Run our HMC with trajectories of a tenth of NUTS's length, which is good on this problem."""
    warmup = int(settings.pick(20, WARMUP))
    draws = int(settings.pick(10, 4 * DRAWS))
    length = {
        "num_steps": 120,
        "jitter": 0.9,
        "target_accept_prob": 0.7,
        "shared_mass": True,
    }
    mode = settings.pick("compiled", "auto")

    return samplers.ours(
        "HMC", settings, chains, warmup, draws, seed, compile=mode, **length
    )


def our_mclmc(settings: Settings, chains: int, seed: int) -> Score:
    """Run our MCLMC, with the same number of tuning steps as BlackJAX."""
    steps = int(settings.pick(20, STEPS))
    draws = int(settings.pick(50, 1000))
    warmup = int(settings.pick(TUNED / 10, TUNED)) // steps
    mode = settings.pick("compiled", "auto")

    return samplers.ours(
        "MCLMC", settings, chains, warmup, draws, seed, num_steps=steps, compile=mode
    )


def their_nuts(settings: Settings, chains: int, seed: int) -> Score:
    """Run NumPyro's NUTS, chains in one program or in turn: the faster one in a short trial."""
    method = METHODS[0]
    if not settings.quick and settings.device == "cpu":
        trial = {}
        for name in METHODS:
            score = peers_sampling.numpyro_nuts(settings, chains, 20, 10, seed, name)
            trial[name] = score.microseconds
        method = min(METHODS, key=trial.__getitem__)

    warmup = int(settings.pick(20, WARMUP))
    draws = int(settings.pick(10, DRAWS))

    return peers_sampling.numpyro_nuts(settings, chains, warmup, draws, seed, method)


def their_mclmc(settings: Settings, chains: int, seed: int) -> Score:
    """Run BlackJAX's MCLMC, chains in one program or in turn: the faster one in a short trial."""
    steps = int(settings.pick(20, STEPS))
    draws = int(settings.pick(50, 1000))
    together = True
    if not settings.quick and settings.device == "cpu":
        trial = {}
        for choice in (True, False):
            score = peers_sampling.blackjax_mclmc(
                settings, chains, 3000, 20, steps, seed, choice
            )
            trial[choice] = score.microseconds
        together = trial[True] < trial[False]

    tuning = int(settings.pick(TUNED / 10, TUNED) / BLACKJAX_SHARE)
    return peers_sampling.blackjax_mclmc(
        settings, chains, tuning, draws, steps, seed, together
    )


def pyro_nuts(settings: Settings) -> Score:
    """Run Pyro's NUTS for few draws; quickly, one chain with a given step size."""
    if settings.quick:
        return samplers.stock(settings, 1, 1, 4, 0, **QUICK_PYRO)
    return samplers.stock(settings, 4, 10, 10, 0)


def against_numpyro(
    work: str,
    ours: list[Score],
    others: list[list[Score]],
    peer: list[Score],
    target: Target,
) -> list[Row]:
    """Return the rows against NumPyro: effective draws per second, and its two factors.

    Arguments:
        work: The problem.
        ours: Runs of our NUTS.
        others: Runs of our other samplers.
        peer: Runs of NumPyro's NUTS.
        target: The bounds of the first row.
    """
    if not peer:
        return [missing(work, "least ESS/s, ours, best / NumPyro NUTS", "NumPyro")]

    best = max([ours, *others], key=median_per_second)
    name = best[0].sampler.removeprefix("ours, ")
    rows = [against(work, f"ours, best ({name}) / NumPyro NUTS", best, peer, target)]
    rows += factors(work, best, peer)
    if best is not ours:
        compared = f"{ours[0].sampler} / NumPyro NUTS"
        rows.append(against(work, compared, ours, peer))
        rows += factors(work, ours, peer)

    return rows


def factors(work: str, scores: list[Score], peer: list[Score]) -> list[Row]:
    """Return the rows of the two factors: ESS per gradient, and time per gradient."""
    own = scores[0].sampler.replace(",", "")
    per_gradient = f"ESS per gradient, {own} / NumPyro NUTS"
    microseconds = f"us a gradient, NumPyro NUTS / {own}"

    return [
        of(work, per_gradient, scores, peer, ess_per_gradient),
        of(work, microseconds, peer, scores, microseconds_of),
    ]


def against(
    work: str,
    compared: str,
    ours: list[Score],
    theirs: list[Score],
    target: Target | None = None,
) -> Row:
    """Divide effective draws per second; the note has the ratio of the times of a gradient."""
    row = of(work, f"least ESS/s, {compared}", ours, theirs, per_second_of, target)
    their_cost = statistics.median(map(microseconds_of, theirs))
    our_cost = statistics.median(map(microseconds_of, ours))
    row.note = f"By microseconds a gradient the ratio is {their_cost / our_cost:.2f}."

    for score in [*ours, *theirs]:
        if score.least == 0.0:
            draws = score.values.shape[1]
            row.note += (
                f" {score.sampler} counts as zero: "
                f"R-hat {score.worst:.2f} after {draws} draws."
            )
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
    numerator = statistics.median(map(number, above))
    denominator = statistics.median(map(number, below))

    ratio: float | None = None
    if denominator > 0:
        ratio = numerator / denominator
    elif numerator > 0:
        ratio = math.inf

    return Row(work, compared, ratio, target)


def per_second_of(score: Score) -> float:
    """Return effective draws per second."""
    return score.per_second


def median_per_second(scores: list[Score]) -> float:
    """Return the median of effective draws per second."""
    return statistics.median(map(per_second_of, scores))


def ess_per_gradient(score: Score) -> float:
    """Return effective draws per gradient."""
    return score.least / score.gradients


def microseconds_of(score: Score) -> float:
    """Return microseconds of a gradient."""
    return score.microseconds
