"""The defaults of SVI against earlier ones and against other candidates, by the bound.

    python -m benchmarks.defaults --mnist FOLDER

It takes about half an hour of one core, and writes results/defaults.json after every fit.
A fit that the file holds already is not run again. Without a folder LeNet-5 is left out.

The bound is KL/N plus the negative log likelihood of the training data, in nats per datum at
temperature 1, from 400 draws; lower is better. It is the only number that the defaults were
chosen by. Test data are not read. The distance to the reference is stated beside it: the
Wasserstein-1 distance of functions, or the total variation of class probabilities.
Seconds are those of the processor, in one thread.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, TypedDict

import pyro
import pyro.distributions as dist
import torch
from torch.optim import Adam

import guides
import zoo
from benchmarks.record import write
from zoo import datasets, inference, likelihoods, networks, priors, references
from zoo.command.choices import REFERENCES
from zoo.data import Data
from zoo.inference.schedules import cosine, one_cycle
from zoo.posterior.posterior import Posterior
from zoo.references.reference import Reference
from zoo.reports.table import Cell, Table

OUT = Path(__file__).parent / "results" / "defaults.json"
PROBLEMS = ("linear", "sinusoid", "cubic", "concrete-50", "moons", "digits-mlp")
DEEP = "LeNet-5"
BEFORE, NOW = "0.5.0", "default"
NUM_SAMPLES = 400

FAMILIES: dict[str, Callable[..., guides.Guide]] = {
    "MeanField": guides.MeanField,
    "LocalReparam": guides.LocalReparam,
}
CANDIDATES: dict[str, dict[str, Any]] = {
    BEFORE: {"lr": 1e-2, "scheduler": None, "optimizer": Adam, "num_steps": 2000},
    "0.8.0": {"lr": 1e-2, "num_steps": 2000},
    NOW: {},
    "2000 steps": {"num_steps": 2000},
    "2000 steps, 4 draws": {"num_steps": 2000, "num_particles": 4},
    "one rate": {"scale_lr": 2e-2},
    "rates of 0.8.0": {"lr": 1e-2},
    "0.03, scales 0.2": {"lr": 3e-2, "scale_lr": 0.2},
    "no warm-up": {"scheduler": cosine(warmup=0.0)},
    "one cycle": {"scheduler": one_cycle()},
}
OF_EVERY_SEED = (BEFORE, NOW)  # the others are fitted with the first seed alone


class Fit(TypedDict):
    """One fit, as in the results file: the bound in nats per datum, and its cost."""

    bound: float
    error: float
    distance: float | None
    seconds: float
    steps: int


Fits = dict[str, Fit]  # by "problem, guide, candidate, seed"


def fit(problem: str, family: str, candidate: str, seed: int, mnist: str | None) -> Fit:
    """Fit one guide to the data of one problem with the settings of one candidate."""
    pyro.set_rng_seed(seed)
    options = dict(CANDIDATES[candidate])
    reference: Reference | None = None
    if problem == DEEP:
        model, data = lenet(mnist)
        options.pop("num_steps", None)
        options["num_epochs"] = 10
        batch_size, num_samples = 128, 50
    else:
        reference = references.load(REFERENCES[problem])
        model, data = reference.model, reference.data.train
        batch_size, num_samples = None, NUM_SAMPLES

    guide = FAMILIES[family](model)
    engine = inference.SVI(model, guide, progress=False, **options)

    began = time.process_time()
    posterior = engine.fit(data, batch_size=batch_size)
    seconds = time.process_time() - began
    bound = posterior.bound(data, num_samples=num_samples)

    return {
        "bound": round(bound.value, 5),
        "error": round(bound.error, 5),
        "distance": None if reference is None else distance(posterior, reference),
        "seconds": round(seconds, 2),
        "steps": posterior.info.num_steps,
    }


def lenet(mnist: str | None) -> tuple[zoo.BayesianNetwork, Data]:
    """Return LeNet-5 with weights N(0, 0.1), and 10,000 images of MNIST."""
    data = datasets.mnist(str(mnist), num_train=10_000).train
    prior = priors.WeightPrior(dist.Normal(0.0, 0.1))
    model = zoo.BayesianNetwork(networks.LeNet5(), prior, likelihoods.Categorical())

    return model, data


def distance(posterior: Posterior, reference: Reference) -> float | None:
    """Return the distance of function values, or of class probabilities, if there is one."""
    scores = zoo.fidelity(posterior, reference).scores
    for name in ("wasserstein", "total_variation"):
        if name in scores:
            return round(scores[name], 4)

    return None


def key(problem: str, family: str, candidate: str, seed: int) -> str:
    """Return the name of a fit in the results file."""
    return f"{problem}, {family}, {candidate}, {seed}"


def fits_in(path: Path) -> Fits:
    """Return the fits that a file holds already."""
    if not path.exists():
        return {}

    return json.loads(path.read_text())["results"]


def fit_all(problems: Sequence[str], seeds: int, path: Path, mnist: str | None) -> Fits:
    """Run every fit that the file lacks, and write the file after each."""
    found = fits_in(path)
    for family in FAMILIES:
        for seed in range(seeds):
            tries_all = family == "MeanField" and seed == 0
            candidates = CANDIDATES if tries_all else OF_EVERY_SEED
            for problem in problems:
                for candidate in candidates:
                    name = key(problem, family, candidate, seed)
                    if name in found:
                        continue

                    found[name] = fit(problem, family, candidate, seed, mnist)
                    print(name, found[name], flush=True)
                    write(path, {"results": found})

    return found


def table_of(fits: Fits, problems: Sequence[str], family: str, seeds: int) -> Table:
    """Return a row for each candidate: on each problem the mean bound and its error over seeds."""
    rows: list[list[Cell]] = []
    for candidate in CANDIDATES:
        row: list[Cell] = [candidate]
        seconds = []
        for problem in problems:
            several = []
            for seed in range(seeds):
                name = key(problem, family, candidate, seed)
                if name in fits:
                    several.append(fits[name])

            row.append(_mean_and_error(several))
            seconds += [each["seconds"] for each in several]

        if seconds:
            rows.append([*row, round(fmean(seconds), 1)])

    return Table(("candidate", *problems, "seconds"), rows)


def verdict(fits: Fits, problems: Sequence[str], family: str, seeds: int) -> str:
    """Say on how many problems the default is better than that of 0.5.0, in every seed."""
    better = []
    measured = []
    for problem in problems:
        gains = []
        for seed in range(seeds):
            before = fits.get(key(problem, family, BEFORE, seed))
            now = fits.get(key(problem, family, NOW, seed))
            if before is not None and now is not None:
                gains.append(before["bound"] - now["bound"])

        if gains:
            measured.append(problem)
        if gains and min(gains) > 0:
            better.append(problem)

    return (
        f"{family}: the default has a lower bound than 0.5.0's on {len(better)} of "
        f"{len(measured)} problems in every seed ({', '.join(better)})"
    )


def _mean_and_error(several: Sequence[Fit]) -> Cell:
    """Return the mean bound with its error, and the mean distance in brackets."""
    if not several:
        return None

    bounds = [each["bound"] for each in several]
    error = several[0]["error"]  # of the estimate, if there is one seed alone
    if len(several) > 1:
        error = stdev(bounds) / len(bounds) ** 0.5

    text = f"{fmean(bounds):.4f} ± {error:.4f}"
    distances = [each["distance"] for each in several if each["distance"] is not None]
    return f"{text} ({fmean(distances):.3f})" if distances else text


def main() -> None:
    """Fit everything, print the tables, write the results."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.defaults", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--problems", default=",".join(PROBLEMS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--mnist", help="a folder with the files of MNIST, for LeNet-5")
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    problems = arguments.problems.split(",")
    if arguments.mnist is not None:
        problems.append(DEEP)

    fits = fit_all(problems, arguments.seeds, arguments.out, arguments.mnist)
    for family in FAMILIES:
        print(f"\n{family}, nats per datum\n")
        print(table_of(fits, problems, family, arguments.seeds))
        print(verdict(fits, problems, family, arguments.seeds))


if __name__ == "__main__":
    main()
