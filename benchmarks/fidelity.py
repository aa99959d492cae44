"""Every guide on every reference posterior that ships: how close it comes, one table and one figure.

    python -m benchmarks.fidelity       a quarter of an hour on two cores: results/fidelity.json and docs/fidelity.png

The score of regression is Wasserstein-1 between function values in units of the truth's
spread, that of classification total variation between class probabilities. The floor is
what one chain of the truth scores against the rest. Guides over nodes have another
model, random nodes and weights at the mode under the same prior, and are compared as
functions with the same truth; where the reference has nodes itself, they have its
model. Full covariances are left out beyond a thousand weights.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import matplotlib
import pyro
import pyro.distributions as dist
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from pyro.infer import autoguide
from tqdm import tqdm

import guides
import zoo
from benchmarks.record import write
from zoo import priors, references
from zoo.command.choices import REFERENCES
from zoo.references.reference import FOLDER
from zoo.reports.table import Table

ROOT = Path(__file__).parent.parent
RESULTS, FIGURE = ROOT / "benchmarks" / "results", ROOT / "docs" / "fidelity.png"
SCORES = ("wasserstein", "total_variation")  # the one that a reference has
BATCH = 64  # images at a time; tables and rows of pixels all at once
MOST = 1000  # numbers that a full covariance is tried on
Model = zoo.BayesianNetwork

WEIGHTS: dict[str, Callable[[Model], object]] = {
    "Delta": guides.Delta,
    "MeanField": guides.MeanField,
    "LocalReparam": guides.LocalReparam,
    "Flipout": guides.Flipout,
    "Radial": guides.Radial,
    "LowRank": partial(guides.LowRank, rank=8),
    "FullRank": guides.FullRank,
    "MatrixNormal": partial(guides.MatrixNormal, structure="full"),
    "MCDropout": partial(guides.MCDropout, p=0.05),
    "ConcreteDropout": guides.ConcreteDropout,
    "GaussianDropout": partial(guides.GaussianDropout, p=0.05),
    "SparseVariationalDropout": guides.SparseVariationalDropout,
    "Mixture of 4 MeanField": partial(
        guides.Mixture, make=guides.MeanField, num_components=4, init_spread=0.5
    ),
    "Mixture of 5 Delta": partial(
        guides.Mixture, make=guides.Delta, num_components=5, init_spread=0.5
    ),
    "AutoNormal": autoguide.AutoNormal,
    "AutoMultivariateNormal": autoguide.AutoMultivariateNormal,
    "AutoLowRank": partial(autoguide.AutoLowRankMultivariateNormal, rank=8),
}
OVER_NODES: dict[str, tuple[str, Callable[[Model], object]]] = {
    "NodeMixture": ("in", guides.NodeMixture),
    "Rank1": ("both", guides.Rank1),
    "Flow over nodes": ("in", guides.Flow),
}
FULL = {"FullRank", "AutoMultivariateNormal"}


def score(reference: str, label: str, steps: int) -> dict[str, object]:
    """Fit one guide to one reference's data, and score it."""
    torch.set_num_threads(1)
    pyro.set_rng_seed(0)
    truth = references.load(REFERENCES[reference])
    where, make = OVER_NODES.get(label) or ("", WEIGHTS[label])
    model = (
        over_nodes(truth.model, where)
        if where and not truth.model.plan.nodes
        else truth.model
    )
    chosen = {label: (model, make(model))}
    batch = BATCH if truth.inputs.dim() == 4 else None
    comparison = zoo.compare(
        truth.model,
        chosen,
        truth,
        num_steps=steps,
        lr=1e-2,
        batch_size=batch,
        progress=False,
    )
    card, info = comparison.fidelities[label], comparison.posteriors[label].info
    return {
        "scores": card.scores,
        "errors": card.errors,
        "floor": card.floor,
        "verdict": card.verdict,
        "parameters": info.num_parameters,
        "seconds": round(info.seconds, 1),
    }


def over_nodes(model: Model, where: str) -> Model:
    """Give a network random nodes, and put its weights at the mode under the prior that they had."""
    weights = lambda name, _: priors.Point(model.latents[name])  # noqa: E731
    return Model(
        model.network,
        priors.NodePrior(dist.Normal(1.0, 0.3), where=where, weights=weights),
        model.likelihood,
    )


def score_all(names: list[str], steps: int, workers: int) -> dict[str, dict[str, dict]]:
    """Score every guide on every reference, a few at a time; what a guide refuses is left out, and said."""
    sizes = {name: size(name) for name in names}
    jobs = [
        (name, label)
        for name in names
        for label in [*WEIGHTS, *OVER_NODES]
        if label not in FULL or sizes[name] <= MOST
    ]
    found: dict[str, dict[str, dict]] = {name: {} for name in names}
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        running = {pool.submit(score, *job, steps): job for job in jobs}
        for done in tqdm(as_completed(running), total=len(jobs), desc="fits"):
            name, label = running[done]
            try:
                found[name][label] = done.result()
            except (ValueError, RuntimeError) as error:
                tqdm.write(f"{name}, {label}: left out, {error}")
    return found


def size(reference: str) -> int:
    """Return the dimensions of a reference's posterior."""
    return sum(
        prior.shape().numel()
        for prior in REFERENCES[reference]().model.latents.values()
    )


def main_score(guide: dict) -> str:
    """Name the score that decides: a distance between distributions or between probabilities."""
    return next(name for name in SCORES if name in guide["scores"])


def tabled(results: dict[str, dict[str, dict]]) -> Table:
    """Return a row for each guide with the score on each reference, and the floor above all."""
    first = {name: next(iter(found.values())) for name, found in results.items()}
    rows = [("floor", *(one["floor"][main_score(one)] for one in first.values()))]
    for label in [*WEIGHTS, *OVER_NODES]:
        own = [found.get(label) for found in results.values()]
        rows.append(
            (label, *(one["scores"][main_score(one)] if one else None for one in own))
        )
    return Table(("guide", *results), rows)


def draw(results: dict[str, dict[str, dict]]) -> Figure:
    """Draw a panel for each reference: a dot for each guide, and a line where the floor is."""
    labels = [*WEIGHTS, *OVER_NODES][::-1]
    figure = Figure(figsize=(2.2 * len(results) + 2.2, 5.6), layout="constrained")
    axes = figure.subplots(1, len(results), sharey=True, squeeze=False)[0]
    for ax, (name, found) in zip(axes, results.items(), strict=True):
        one = next(iter(found.values()))
        which = main_score(one)
        places = [place for place, label in enumerate(labels) if label in found]
        values = [found[labels[place]]["scores"][which] for place in places]
        spread = [found[labels[place]]["errors"][which] for place in places]
        ax.errorbar(
            values,
            places,
            xerr=spread,
            fmt="o",
            color="#0072B2",
            markersize=5,
            elinewidth=1,
        )
        ax.axvline(one["floor"][which], color="#8C8C8C", linewidth=3, alpha=0.6)
        ax.set(
            xscale="log",
            title=name,
            xlabel=which.replace("_", " "),
            xlim=(one["floor"][which] / 2, None),
        )
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.set_yticks(range(len(labels)), labels)
        ax.grid(axis="y", alpha=0.2)
        ax.spines[["top", "right"]].set_visible(False)
    return figure


def main() -> None:
    """Score everything, print the table, write results and figure."""
    matplotlib.use("Agg")
    shipped = sorted(
        (name for name in REFERENCES if (FOLDER / f"{name}.safetensors").exists()),
        key=size,
    )
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.fidelity", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--references", default=",".join(shipped), help="names, comma-separated"
    )
    parser.add_argument(
        "--steps", type=int, default=2000, help="gradient steps of each guide"
    )
    parser.add_argument(
        "--workers", type=int, default=2, help="fits at a time, a thread each"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=RESULTS / "fidelity.json",
        help="where the results go",
    )
    parser.add_argument(
        "--figure", type=Path, default=FIGURE, help="where the figure goes"
    )
    arguments = parser.parse_args()
    results = score_all(
        arguments.references.split(","), arguments.steps, arguments.workers
    )
    write(arguments.out, {"results": results, "settings": {"steps": arguments.steps}})
    print(tabled(results))
    draw(results).savefig(arguments.figure, dpi=110)


if __name__ == "__main__":
    main()
