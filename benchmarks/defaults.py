"""The defaults of SVI against those of 0.5.0 and against other candidates, by the bound.

    python -m benchmarks.defaults

It takes about half an hour of one core, and writes results/defaults.json after every fit.
A fit that the file holds already is not run again.

The bound is KL/N plus the negative log likelihood of the training data, in nats per datum at
temperature 1, from 400 draws; lower is better. It is the only number that the defaults were
chosen by. Test data are not read. Seconds are those of the processor, in one thread.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, TypedDict

import pyro
import torch
from torch.optim import Adam

import guides
from benchmarks.record import write
from zoo import inference, references
from zoo.command.choices import REFERENCES
from zoo.inference.schedules import cosine, one_cycle
from zoo.reports.table import Cell, Table

OUT = Path(__file__).parent / "results" / "defaults.json"
PROBLEMS = ("linear", "sinusoid", "cubic", "concrete-50", "moons", "digits-mlp")
BEFORE, NOW = "0.5.0", "default"
NUM_SAMPLES = 400

FAMILIES: dict[str, Callable[..., guides.Guide]] = {
    "MeanField": guides.MeanField,
    "LocalReparam": guides.LocalReparam,
}
CANDIDATES: dict[str, dict[str, Any]] = {
    BEFORE: {
        "lr": 1e-2,
        "scheduler": None,
        "optimizer": Adam,
        "num_particles": 1,
        "num_steps": 2000,
    },
    NOW: {},
    "one rate": {"scale_lr": 1e-2},
    "0.02, scales 0.1": {"lr": 2e-2, "scale_lr": 0.1},
    "0.02, one rate": {"lr": 2e-2, "scale_lr": 2e-2},
    "0.005, scales 0.05": {"lr": 5e-3, "scale_lr": 5e-2},
    "no warm-up": {"scheduler": cosine(warmup=0.0)},
    "one cycle": {"scheduler": one_cycle()},
    "4 draws": {"num_particles": 4},
    "0.02, 4 draws": {"lr": 2e-2, "scale_lr": 0.1, "num_particles": 4},
}


class Fit(TypedDict):
    """One fit, as in the results file: the bound in nats per datum, and its cost."""

    bound: float
    error: float
    seconds: float
    steps: int


Fits = dict[str, Fit]  # by "problem, guide, candidate, seed"


def fit(problem: str, family: str, candidate: str, seed: int) -> Fit:
    """Fit one guide to the data of one reference with the settings of one candidate."""
    reference = references.load(REFERENCES[problem])
    data = reference.data.train
    pyro.set_rng_seed(seed)
    guide = FAMILIES[family](reference.model)
    options = CANDIDATES[candidate]
    engine = inference.SVI(reference.model, guide, progress=False, **options)

    began = time.process_time()
    posterior = engine.fit(data)
    seconds = time.process_time() - began
    bound = posterior.bound(data, num_samples=NUM_SAMPLES)

    return {
        "bound": round(bound.value, 5),
        "error": round(bound.error, 5),
        "seconds": round(seconds, 2),
        "steps": posterior.info.num_steps,
    }


def key(problem: str, family: str, candidate: str, seed: int) -> str:
    """Return the name of a fit in the results file."""
    return f"{problem}, {family}, {candidate}, {seed}"


def fits_in(path: Path) -> Fits:
    """Return the fits that a file holds already."""
    if not path.exists():
        return {}

    return json.loads(path.read_text())["results"]


def fit_all(problems: Sequence[str], seeds: int, path: Path) -> Fits:
    """Run every fit that the file lacks, and write the file after each."""
    found = fits_in(path)
    for family in FAMILIES:
        candidates = list(CANDIDATES) if family == "MeanField" else [BEFORE, NOW]
        for seed in range(seeds):
            for problem in problems:
                for candidate in candidates:
                    name = key(problem, family, candidate, seed)
                    if name in found:
                        continue

                    found[name] = fit(problem, family, candidate, seed)
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
        f"{len(measured)} references that were measured ({', '.join(better)})"
    )


def _mean_and_error(several: Sequence[Mapping[str, Any]]) -> Cell:
    if not several:
        return None

    values = torch.tensor([each["bound"] for each in several], dtype=torch.float64)
    if len(values) == 1:  # the error of the estimate in place of that over seeds
        return f"{values.item():.4f} ± {several[0]['error']:.4f}"

    error = values.std().item() / len(values) ** 0.5
    return f"{values.mean().item():.4f} ± {error:.4f}"


def main() -> None:
    """Fit everything, print the tables, write the results."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.defaults", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--problems", default=",".join(PROBLEMS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    problems = arguments.problems.split(",")
    fits = fit_all(problems, arguments.seeds, arguments.out)
    for family in FAMILIES:
        print(f"\n{family}, nats per datum\n")
        print(table_of(fits, problems, family, arguments.seeds))
        print(verdict(fits, problems, family, arguments.seeds))


if __name__ == "__main__":
    main()
