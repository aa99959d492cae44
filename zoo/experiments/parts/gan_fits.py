"""What each method makes of synthetic data and of pictures, with scores."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from zoo.experiments.parts.gan_case import (
    GanCase,
    chains,
    made_by_all,
    made_by_each,
)
from zoo.experiments.parts.gan_pictures import PictureScores, picture_case
from zoo.experiments.parts.gan_synthetic import (
    NUM_CHAINS,
    PROBLEMS,
    PlaneDivergence,
    synthetic_case,
)
from zoo.experiments.parts.gan_twins import adam_gan, made_by_networks, released_gans
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.stochastic_info import SGMCMCInfo

BAYES, ENSEMBLE = "Bayesian GAN", f"{NUM_CHAINS} GANs"
LONG, RELEASED = f"GAN, {NUM_CHAINS} times the steps", "released program"
_NUM_MADE = 1_000
_NUM_IN_PLANE = 500
_NUM_IN_ROW = 10


def fit_synthetic(
    problem: str, num_data: int, num_epochs: int, seed: int
) -> dict[str, Any]:
    """Return the divergence of what each method makes, and samples in the plane.

    Arguments:
        problem: The name of the problem.
        num_data: Number of data N.
        num_epochs: Passes through them.
        seed: Seed of the data and of all random numbers.
    """
    data = PROBLEMS[problem](num_data + 2 * _NUM_MADE, seed)
    x, held_out, others = data.split([num_data, _NUM_MADE, _NUM_MADE])
    case = synthetic_case()
    start = time.process_time()
    posterior = chains(case, x, num_epochs, seed)
    seconds = {BAYES: time.process_time() - start}
    made = {"data": others, BAYES: made_by_all(posterior.generator, case, _NUM_MADE)}
    single = made_by_each(posterior.generator, case, _NUM_MADE)

    num_steps = case.num_steps(x, num_epochs)
    for name, make in _twins(case, x, num_steps, seed).items():
        start = time.process_time()
        generators = make()
        seconds[name] = time.process_time() - start
        each = _NUM_MADE // len(generators)
        made[name] = made_by_networks(generators, case, each).flatten(0, 1)

    measure = PlaneDivergence(held_out)
    plane = {name: measure.plane(sample) for name, sample in made.items()}

    return {
        "divergence": {name: measure(sample) for name, sample in made.items()},
        "of one": [measure(sample) for sample in single],
        "plane": {name: points[:_NUM_IN_PLANE] for name, points in plane.items()},
        "temperatures": _temperatures(posterior.generator, posterior.discriminator),
        "seconds": seconds,
    }


def fit_pictures(x: Tensor, num_epochs: int, seed: int) -> dict[str, Any]:
    """Return a row of pictures of each generator, for each method, with scores.

    Arguments:
        x: Real pictures, (N, C, 32, 32).
        num_epochs: Passes through them.
        seed: Seed of all random numbers.
    """
    case = picture_case(x.shape[1])
    posterior = chains(case, x, num_epochs, seed)
    number = case.num_chains
    per_row = _NUM_MADE // number
    made = {BAYES: made_by_each(posterior.generator, case, per_row)}

    published = picture_case(x.shape[1], as_published=True)
    num_steps = case.num_steps(x, num_epochs)
    seeds = [1000 * seed + place for place in range(number)]
    several = [adam_gan(published, x, num_steps, one) for one in seeds]
    made[f"{number} GANs"] = made_by_networks(several, published, per_row)

    scores = PictureScores(x)
    found: dict[str, Any] = {}
    for name, pictures in made.items():
        found[name] = {
            "rows": pictures[:, :_NUM_IN_ROW],
            "distance": scores.distance(pictures.flatten(0, 1)),
            "distances of one": [scores.distance(each) for each in pictures],
            "spread": scores.spread(pictures),
        }

    found["temperatures"] = _temperatures(posterior.generator, posterior.discriminator)

    return found


def _twins(
    case: GanCase, x: Tensor, num_steps: int, seed: int
) -> dict[str, Callable[[], list[nn.Module]]]:
    """Return functions that train generators by Adam, by the name of the method."""
    number = case.num_chains
    seeds = [1000 * seed + place for place in range(number)]

    return {
        ENSEMBLE: lambda: [adam_gan(case, x, num_steps, one) for one in seeds],
        LONG: lambda: [adam_gan(case, x, number * num_steps, seeds[0])],
        RELEASED: lambda: released_gans(case, x, num_steps, seed, number),
    }


def _temperatures(*posteriors: DrawsPosterior) -> list[float]:
    """Return the kinetic temperature of each posterior over that of its target."""
    found = []
    for posterior in posteriors:
        assert isinstance(posterior.info, SGMCMCInfo)
        found.append(posterior.info.temperatures()["kinetic"].mean)

    return found
