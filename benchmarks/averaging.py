"""Bayesian model averaging at equal numbers of forward passes: within one basin, and across them.

    python -m benchmarks.averaging

It takes half an hour of one processor, prints tables, and writes results/averaging.json and
docs/averaging.png. Seeds that are in the file already are not fitted again.

Maximum a posteriori, deep ensemble, SWAG, MultiSWAG (five runs), SGHMC (four chains, with and
without cycles) and the stored draws of the reference (NUTS or HMC, and MCLMC) predict with 1, 5,
10 and 30 networks. Scores are the negative log likelihood of held-out data in nats per datum, and
the distance from the reference's prediction: the total variation of class probabilities, or the
Wasserstein-1 distance of functions in standard deviations of the reference. Gradients are those
of all data. The learning rate of SWAG is chosen on a fifth of the training data.

The last table has the share of the variance of predictions that lies between basins (modes, runs,
chains or cycles), and the variance over that of the reference.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyro
import torch

from benchmarks.averaging_figure import draw
from benchmarks.averaging_pools import Problem, best_rate, pools
from benchmarks.averaging_scores import PASSES, Truth, scores, share_between, shares
from benchmarks.record import write
from zoo.plots.saving import save_figure
from zoo.reports.table import Table

RESULTS = Path(__file__).parent / "results" / "averaging.json"
FIGURE = Path(__file__).parents[1] / "docs" / "averaging.png"
PROBLEMS = ("sinusoid", "concrete-50", "digits-mlp")
SEEDS = 5
Row = dict[str, Any]


def measured(name: str, seed: int, rate: float) -> tuple[list[Row], list[Row]]:
    """Return the rows of scores and of shares of one problem and seed.

    Arguments:
        name: The name of the reference.
        seed: The seed of all fits.
        rate: Learning rate of SWAG.
    """
    problem = Problem.named(name)
    truth = Truth.of(problem)
    pyro.set_rng_seed(seed)
    found = pools(problem, rate)

    rows, parts = [], []
    for method, pool in found.items():
        start = {"problem": name, "seed": seed, "method": method}
        for row in scores(pool, problem, truth):
            rows.append(start | row)

        if pool.posterior.num_chains > 1 and not pool.is_ensemble:
            part = share_between(pool.posterior, problem, truth)
            parts.append(start | part)

    start = {"problem": name, "seed": seed, "method": "reference"}
    parts.append(start | shares(truth.functions) | {"variance": 1.0})

    return rows, parts


def measure_all(
    names: Sequence[str], num_seeds: int, found: dict[str, Any], save: Callable
) -> None:
    """Measure what is missing in the results, and save them after every seed.

    Arguments:
        names: Names of references.
        num_seeds: Number of seeds.
        found: Results so far, which are added to: "rows", "shares" and "rates".
        save: Called with the results.
    """
    for name in names:
        if name not in found["rates"]:
            found["rates"][name] = best_rate(Problem.named(name))

        for seed in range(num_seeds):
            done = any(
                row["problem"] == name and row["seed"] == seed for row in found["rows"]
            )
            if not done:
                rows, parts = measured(name, seed, found["rates"][name])
                found["rows"] += rows
                found["shares"] += parts
                save(found)
                print(f"{name}, seed {seed}", flush=True)


def summary(rows: Sequence[Row], keys: Sequence[str]) -> list[Row]:
    """Return means over seeds and their standard errors, a row for each method and problem.

    Arguments:
        rows: Rows of scores or of shares.
        keys: Names of the numbers.
    """
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        place = (row["problem"], row["method"], row.get("passes"))
        groups.setdefault(place, []).append(row)

    found = []
    for (problem, method, passes), group in groups.items():
        line: Row = {"problem": problem, "method": method, "passes": passes}
        for key in keys:
            values = [row[key] for row in group if key in row]
            if values:
                line[key] = statistics.fmean(values)
                line[f"{key} error"] = _standard_error(values)

        found.append(line)

    return found


def _standard_error(values: Sequence[float]) -> float:
    """Return the standard error of a mean, NaN for one value."""
    if len(values) < 2:
        return float("nan")

    return statistics.stdev(values) / len(values) ** 0.5


def table_of(lines: Sequence[Row], key: str) -> Table:
    """Return one score with its error: a row for each method, a column for each "passes"."""
    cells: dict[tuple[str, str], dict[int, str]] = {}
    for line in lines:
        if key in line:
            row = cells.setdefault((line["problem"], line["method"]), {})
            mean, error = line[key], line[f"{key} error"]
            text = f"{mean:,.0f}" if key == "gradients" else f"{mean:.3f} ± {error:.3f}"
            row[line["passes"]] = text

    rows = []
    for place, row in cells.items():
        rows.append((*place, *(row[passes] for passes in PASSES)))

    return Table(("problem", f"{key}, passes", *map(str, PASSES)), rows)


def share_table(lines: Sequence[Row]) -> Table:
    """Return the shares of the variance between basins."""
    rows = []
    for line in lines:
        share = f"{line['between']:.2f} ± {line['between error']:.2f}"
        rows.append((line["problem"], line["method"], share, line["variance"]))

    return Table(("problem", "method", "share between", "variance / reference's"), rows)


def show(found: dict[str, Any], figure: Path) -> dict[str, list[Row]]:
    """Print the tables, draw the figure, and return the means."""
    keys = ("nll", "distance", "agreement", "mean error", "gradients")
    lines = summary(found["rows"], keys)
    parts = summary(found["shares"], ("between", "variance"))
    for key in keys:
        print(table_of(lines, key), end="\n\n")

    print(share_table(parts))
    save_figure(draw(lines), figure)

    return {"means": lines, "means of shares": parts}


def main() -> None:
    """Measure, print the tables and write them."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.averaging",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--problems", default=",".join(PROBLEMS), help="names")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="number of seeds")
    parser.add_argument("--out", type=Path, default=RESULTS, help="results")
    parser.add_argument("--figure", type=Path, default=FIGURE, help="the picture")
    arguments = parser.parse_args()

    found: dict[str, Any] = {"rates": {}, "rows": [], "shares": []}
    if arguments.out.exists():
        stored = json.loads(arguments.out.read_text())
        found = {key: stored[key] for key in found}

    def save(results: dict[str, Any]) -> None:
        write(arguments.out, results)

    names = arguments.problems.split(",")
    measure_all(names, arguments.seeds, found, save)
    save(found | show(found, arguments.figure))


if __name__ == "__main__":
    main()
