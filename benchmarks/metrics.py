"""Which metric gives NUTS the most effective draws a gradient, on three posteriors?

    python -m benchmarks.metrics

Each row is a run of four chains with 500 draws after 500 of warm-up, with a metric, a rank and
a seed. Rows are appended to `results/metrics.jsonl`; the same command goes on where the last
one ended, and prints the table of all rows: geometric means over seeds, with standard errors.
Only gradients are counted, so other work of the machine does not matter.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyro
import torch

from benchmarks.samplers.posteriors import POSTERIORS
from benchmarks.samplers.rows import append, read
from benchmarks.samplers.table import mean_of
from zoo import inference
from zoo.posterior.labelled import ess, rhat
from zoo.reports.table import Table

RESULTS = Path(__file__).parent / "results" / "metrics.jsonl"
NAMES = ("eight-schools", "hierarchical-logistic", "digits-mlp")
OPTIONS: dict[str, dict[str, Any]] = {
    "fisher 0": {},
    "fisher 8": {"mass_rank": 8},
    "variance 0": {"metric": "variance"},
    "hessian 0": {"metric": "hessian"},
}
NUM_SEEDS = 5
NUM_DRAWS = 500
NUM_CHAINS = 4


class Key(NamedTuple):
    """Which row it is.

    Arguments:
        posterior: Name of the posterior.
        label: Metric and rank.
        seed: The seed.
    """

    posterior: str
    label: str
    seed: int


def measure(key: Key) -> dict[str, Any]:
    """Run NUTS once."""
    problem = POSTERIORS[key.posterior]()
    engine = inference.NUTS(
        problem.model,
        num_chains=NUM_CHAINS,
        warmup_steps=NUM_DRAWS,
        num_samples=NUM_DRAWS,
        progress=False,
        **OPTIONS[key.label],
    )
    pyro.set_rng_seed(key.seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        posterior = engine.fit(problem.data)

    values = problem.functions(posterior.draws).numpy()
    sizes = ess(values)
    gradients = int(posterior.info.n_steps.sum())

    return {
        **key._asdict(),
        "least": 1000 * float(sizes.min()) / gradients,
        "median": 1000 * float(np.median(sizes)) / gradients,
        "rhat": float(np.nanmax(rhat(values))),
        "gradients": gradients,
        "warm": posterior.info.num_gradients - gradients,
    }


def table(rows: list[dict[str, Any]]) -> Table:
    """Return the table of posteriors and metrics."""
    lines = []
    for name in NAMES:
        for label in OPTIONS:
            found = [r for r in rows if (r["posterior"], r["label"]) == (name, label)]
            if not found:
                continue

            least = mean_of(found, "least")
            median = mean_of(found, "median")
            draws = NUM_CHAINS * NUM_DRAWS * len(found)
            leaves = sum(row["gradients"] for row in found) / draws
            lines.append((name, label, len(found), str(least), str(median), leaves))

    headings = (
        "posterior",
        "metric and rank",
        "seeds",
        "least ESS / 1000 gradients",
        "median ESS / 1000 gradients",
        "gradients a draw",
    )
    return Table(headings, lines, {"gradients a draw": 1})


def main() -> None:
    """Measure what is missing, and print the table."""
    torch.set_num_threads(1)
    done = {Key(row["posterior"], row["label"], row["seed"]) for row in read(RESULTS)}
    for seed in range(NUM_SEEDS):
        for name in NAMES:
            for label in OPTIONS:
                key = Key(name, label, seed)
                if key in done:
                    continue

                row = measure(key)
                append(RESULTS, row)
                print(json.dumps(row), flush=True)

    print(table(read(RESULTS)))


if __name__ == "__main__":
    main()
