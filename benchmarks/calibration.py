"""Simulation-based calibration of a sampler and of guides on a network.

    python -m benchmarks.calibration

It takes up to an hour, and writes results/calibration.json and docs/calibration.png. With
`--redraw` it draws the picture of the results that are there.

The true weights are drawn from the prior of a network of eight units, and twenty targets
from these, 200 times. The rank of the true value among 99 draws is uniform if a fit is
right. Ranks are those of the function among the data, in the gap and outside, of the
noise, and of the log likelihood.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import matplotlib
import pyro
import pyro.distributions as dist
import torch
from matplotlib.figure import Figure
from torch import Tensor

import guides
import zoo
from benchmarks.record import write
from zoo import inference, likelihoods, networks, plots, priors
from zoo.diagnostics import Ranks, sbc
from zoo.plots.saving import save_figure
from zoo.posterior.posterior import Posterior
from zoo.reports.table import Table

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "calibration.json"
FIGURE = ROOT / "docs" / "calibration.png"
ENGINES = ("HMC", "MeanField", "FullRank")
NUM_SAMPLES = 99  # draws of each posterior
X = torch.cat([torch.linspace(-1.5, -0.5, 10), torch.linspace(0.5, 1.5, 10)])[:, None]
X_RANKED = torch.tensor([[-1.0], [0.0], [3.0]])  # among the data, in the gap, outside


def network() -> zoo.BayesianNetwork:
    """Make the model: every weight a standard normal, the noise inferred."""
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    likelihood = likelihoods.Gaussian(dist.LogNormal(-1.0, 0.5))
    return zoo.BayesianNetwork(networks.MLP(1, 1, hidden=[8]), prior, likelihood)


def fit_by(
    name: str, model: zoo.BayesianNetwork
) -> Callable[[tuple[Tensor, Tensor]], Posterior]:
    """Return the function that fits simulated data: by HMC, or by a new guide of a name."""
    if name == "HMC":
        sampler = inference.HMC(
            model,
            num_steps=20,
            jitter=0.9,
            num_chains=1,
            warmup_steps=200,
            num_samples=297,
            compile="compiled",
            progress=False,
        )
        return sampler.fit

    def fit(data: tuple[Tensor, Tensor]) -> Posterior:
        guide = getattr(guides, name)(model)
        engine = inference.SVI(model, guide, num_steps=2000, lr=1e-2, progress=False)
        return engine.fit(data)

    return fit


def calibrate(name: str, num_simulations: int) -> tuple[Ranks, float]:
    """Simulate, fit and rank; return the ranks and the seconds."""
    torch.set_num_threads(1)
    pyro.set_rng_seed(0)
    began = time.perf_counter()
    model = network()
    fit = fit_by(name, model)

    ranks = sbc(
        model,
        fit,
        X,
        X_RANKED,
        num_simulations=num_simulations,
        num_samples=NUM_SAMPLES,
    )
    return ranks, time.perf_counter() - began


def calibrate_all(num_simulations: int, workers: int) -> dict[str, tuple[Ranks, float]]:
    """Calibrate every engine, some at once."""
    spawn = get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawn) as pool:
        running = {}
        for name in ENGINES:
            running[name] = pool.submit(calibrate, name, num_simulations)
        return {name: future.result() for name, future in running.items()}


def stored(path: Path) -> dict[str, Ranks]:
    """Read the ranks of each engine from a file of results."""
    found = {}
    for name, values in json.loads(path.read_text())["ranks"].items():
        own = {quantity: torch.tensor(ranks) for quantity, ranks in values.items()}
        found[name] = Ranks(own, NUM_SAMPLES)

    return found


def draw(found: Mapping[str, Ranks]) -> Figure:
    """Draw a panel for each engine, all on one scale."""
    figure = Figure(figsize=(3.4 * len(found), 3.4), layout="constrained")
    axes = figure.subplots(1, len(found), sharey=True, squeeze=False)[0]
    for ax, (name, ranks) in zip(axes, found.items(), strict=True):
        plots.ranks(ranks.ranks, ranks.num_samples, ranks.critical, ax=ax)
        ax.set_title(name)
        ax.set_xlabel("")

    axes[0].set_xlabel("rank of the truth")
    for ax in axes[1:]:
        ax.set_ylabel("")
        ax.get_legend().remove()

    return figure


def table_of(ranks: Mapping[str, Ranks], seconds: Mapping[str, float]) -> Table:
    """Return the deviations of each engine's ranks, and its seconds."""
    quantities = list(ranks[ENGINES[0]].ranks)
    rows = []
    for name, own in ranks.items():
        deviations = [round(own.deviations[quantity], 2) for quantity in quantities]
        rows.append((name, *deviations, round(seconds[name])))

    return Table(("engine", *quantities, "seconds"), rows)


def main() -> None:
    """Calibrate every engine, print the table, write results and figure."""
    matplotlib.use("Agg")
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.calibration", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--simulations", type=int, default=200, help="simulations of each engine"
    )
    parser.add_argument(
        "--workers", type=int, default=2, help="engines at a time, a thread each"
    )
    parser.add_argument(
        "--out", type=Path, default=RESULTS, help="file for the results"
    )
    parser.add_argument(
        "--figure", type=Path, default=FIGURE, help="file for the figure"
    )
    parser.add_argument(
        "--redraw", action="store_true", help="draw the results that are there"
    )
    arguments = parser.parse_args()
    if arguments.redraw:
        save_figure(draw(stored(arguments.out)), arguments.figure)
        return

    found = calibrate_all(arguments.simulations, arguments.workers)
    ranks = {name: own for name, (own, _) in found.items()}
    seconds = {name: own for name, (_, own) in found.items()}
    print(table_of(ranks, seconds))
    for name, own in ranks.items():
        print(f"{name}: {own}")

    deviations = {}
    values: dict[str, dict[str, list]] = {}
    for name, own in ranks.items():
        deviations[name] = own.deviations
        values[name] = {key: value.tolist() for key, value in own.ranks.items()}
    contents = {"deviations": deviations, "ranks": values, "seconds": seconds}
    write(arguments.out, contents)
    save_figure(draw(ranks), arguments.figure)


if __name__ == "__main__":
    main()
