"""Simulation-based calibration of a sampler and of guides on a network: who gives back the posterior.

    python -m benchmarks.calibration       the better part of an hour: results/calibration.json, docs/calibration.png

The truth is drawn from the prior of a network of eight units, twenty targets from the
truth, 200 times; its rank among 99 draws is uniform where a fit is right. Ranks are of
the function among the data, in the gap and outside, of the noise, and of the log
likelihood.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import matplotlib
import pyro
import pyro.distributions as dist
import torch
from matplotlib.figure import Figure

import guides
import zoo
from benchmarks.record import write
from zoo import inference, likelihoods, networks, plots, priors
from zoo.diagnostics import Ranks, sbc
from zoo.posterior.posterior import Posterior
from zoo.reports.table import Table

ROOT = Path(__file__).parent.parent
RESULTS, FIGURE = (
    ROOT / "benchmarks" / "results" / "calibration.json",
    ROOT / "docs" / "calibration.png",
)
ENGINES = ("HMC", "MeanField", "FullRank")
X = torch.cat([torch.linspace(-1.5, -0.5, 10), torch.linspace(0.5, 1.5, 10)])[:, None]
AT = torch.tensor([[-1.0], [0.0], [3.0]])  # among the data, in the gap, outside


def network() -> zoo.BayesianNetwork:
    """Make the model: every weight a standard normal, the noise inferred."""
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    return zoo.BayesianNetwork(
        networks.MLP(1, 1, hidden=[8]),
        prior,
        likelihoods.Gaussian(dist.LogNormal(-1.0, 0.5)),
    )


def fit_by(
    name: str, model: zoo.BayesianNetwork
) -> Callable[[tuple[torch.Tensor, torch.Tensor]], Posterior]:
    """Return what fits simulated data: a sampler's long enough run, or a fresh guide."""
    if name == "HMC":
        counts = {
            "num_chains": 1,
            "warmup_steps": 200,
            "num_samples": 297,
            "progress": False,
        }
        return inference.HMC(
            model, num_steps=20, jitter=0.9, compile="compiled", **counts
        ).fit

    def fit(data: tuple[torch.Tensor, torch.Tensor]) -> Posterior:
        guide = getattr(guides, name)(model)
        return inference.SVI(model, guide, num_steps=2000, lr=1e-2, progress=False).fit(
            data
        )

    return fit


def calibrate(name: str, num_simulations: int) -> tuple[Ranks, float]:
    """Simulate, fit and rank; return also the seconds it took."""
    torch.set_num_threads(1)
    pyro.set_rng_seed(0)
    model, start = network(), time.perf_counter()
    return sbc(
        model, fit_by(name, model), X, AT, num_simulations=num_simulations
    ), time.perf_counter() - start


def draw(found: dict[str, Ranks]) -> Figure:
    """Draw a panel for each engine, all on one scale."""
    figure = Figure(figsize=(3.4 * len(found), 3.4), layout="constrained")
    axes = figure.subplots(1, len(found), sharey=True, squeeze=False)[0]
    for ax, (name, ranks) in zip(axes, found.items(), strict=True):
        plots.ranks(ranks.ranks, ranks.num_samples, ranks.critical, ax=ax)
        ax.set(
            title=name,
            xlabel="rank of the truth" if ax is axes[0] else "",
            ylabel=ax.get_ylabel() * (ax is axes[0]),
        )
        if ax is not axes[0]:
            ax.get_legend().remove()
    return figure


def main() -> None:
    """Calibrate everything, print the table, write results and figure."""
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
        "--out", type=Path, default=RESULTS, help="where the results go"
    )
    parser.add_argument(
        "--figure", type=Path, default=FIGURE, help="where the figure goes"
    )
    arguments = parser.parse_args()
    with ProcessPoolExecutor(
        arguments.workers, mp_context=get_context("spawn")
    ) as pool:
        done = {
            name: pool.submit(calibrate, name, arguments.simulations)
            for name in ENGINES
        }
        found = {name: future.result() for name, future in done.items()}
    names = list(found[ENGINES[0]][0].ranks)
    rows = [
        (
            name,
            *(round(ranks.deviations[quantity], 2) for quantity in names),
            round(seconds),
        )
        for name, (ranks, seconds) in found.items()
    ]
    print(Table(("engine", *names, "seconds"), rows))
    for name, (ranks, _) in found.items():
        print(f"{name}: {ranks}")
    kept = {
        name: {key: value.tolist() for key, value in ranks.ranks.items()}
        for name, (ranks, _) in found.items()
    }
    deviations = {name: ranks.deviations for name, (ranks, _) in found.items()}
    write(
        arguments.out,
        {
            "deviations": deviations,
            "ranks": kept,
            "seconds": {n: s for n, (_, s) in found.items()},
        },
    )
    draw({name: ranks for name, (ranks, _) in found.items()}).savefig(
        arguments.figure, dpi=110
    )


if __name__ == "__main__":
    main()
