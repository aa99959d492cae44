"""Every guide on every reference posterior that ships: one table and one figure.

    python -m benchmarks.fidelity

It takes a quarter of an hour on two cores, and writes results/fidelity.json and
docs/fidelity.png.

The score of regression is the Wasserstein-1 distance of function values in units of the
reference's standard deviation, that of classification the total variation of class
probabilities. The floor is the score of one chain of the reference against the others.
Guides over nodes have another model, random nodes and weights at the mode under the same
prior, and are compared as functions with the same reference; if the reference has nodes
itself, they have its model. Full covariances are omitted beyond a thousand weights.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TypedDict

import matplotlib
import pyro
import pyro.distributions as dist
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from pyro.infer import autoguide
from torch import Tensor
from tqdm import tqdm

import guides
import zoo
from benchmarks.record import write
from zoo import inference, priors, references
from zoo.command.choices import REFERENCES
from zoo.inference.particles.engine import ParticleEngine
from zoo.references.reference import FOLDER, Reference
from zoo.reports.bounds import StatedBound
from zoo.reports.table import Cell, Table
from zoo.runtime.programs import PyroProgram

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
FIGURE = ROOT / "docs" / "fidelity.png"
SCORES = ("wasserstein", "total_variation")  # a reference has one of them
BATCH = 64  # images in a batch; tables and rows of pixels are used all at once
LARGEST_FULL = 1000  # dimensions of the largest full covariance
Model = zoo.BayesianNetwork
MakeGuide = Callable[[Model], PyroProgram]


class Fit(TypedDict):
    """The scores of one guide on one reference, as in the results file."""

    scores: dict[str, float]
    bound: Cell  # on the evidence, nats per datum
    bound_error: Cell
    fit_kind: Cell
    errors: dict[str, float]
    floor: dict[str, float]
    verdict: str
    parameters: int
    seconds: float


Results = dict[str, dict[str, Fit]]  # by reference, then by guide

WEIGHTS: dict[str, MakeGuide] = {
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
    "LastLayer": guides.LastLayer,
    "Resampled": partial(guides.Resampled, num_candidates=100),
    "AutoNormal": autoguide.AutoNormal,
    "AutoMultivariateNormal": autoguide.AutoMultivariateNormal,
    "AutoLowRank": partial(autoguide.AutoLowRankMultivariateNormal, rank=8),
}
OVER_NODES: dict[str, tuple[str, MakeGuide]] = {
    "NodeMixture": ("in", guides.NodeMixture),
    "Rank1": ("both", guides.Rank1),
    "Flow over nodes": ("in", guides.Flow),
}
PARTICLES: dict[str, Callable[[Model], ParticleEngine]] = {
    "AIS": partial(inference.AIS, progress=False),
    "RepulsiveEnsemble": partial(inference.RepulsiveEnsemble, progress=False),
}
LABELS = (*WEIGHTS, *OVER_NODES, *PARTICLES)
FULL = {"FullRank", "AutoMultivariateNormal"}


def score(name: str, label: str, steps: int) -> Fit:
    """Fit one guide to the data of one reference, and score it.

    Arguments:
        name: The name of the reference.
        label: The name of the guide.
        steps: Gradient steps.
    """
    torch.set_num_threads(1)
    pyro.set_rng_seed(0)
    reference = references.load(REFERENCES[name])
    if label in PARTICLES:
        return score_particles(reference, label)

    model = reference.model
    if label in OVER_NODES:
        where, make = OVER_NODES[label]
        if not model.plan.nodes:
            model = over_nodes(model, where)
    else:
        make = WEIGHTS[label]

    has_images = reference.inputs.dim() == 4
    comparison = zoo.compare(
        reference.model,
        {label: (model, make(model))},
        reference,
        num_steps=steps,
        lr=1e-2,
        batch_size=BATCH if has_images else None,
        progress=False,
    )
    card = comparison.fidelities[label]
    info = comparison.posteriors[label].info
    row = comparison.table.to_dicts()[-1]

    return {
        "bound": row["bound"],
        "bound_error": row["bound error"],
        "fit_kind": row["fit kind"],
        "scores": card.scores,
        "errors": card.errors,
        "floor": card.floor,
        "verdict": card.verdict,
        "parameters": info.num_parameters,
        "seconds": round(info.seconds, 1),
    }


def score_particles(reference: Reference, label: str) -> Fit:
    """Move particles from the prior to the posterior of a reference, and score them."""
    model, train = reference.model, reference.data.train
    posterior = PARTICLES[label](model).fit(train)
    card = zoo.fidelity(posterior, reference)
    stated = StatedBound.of(posterior, train).cells()

    size = sum(prior.shape().numel() for prior in model.latents.values())
    return {
        "bound": stated["bound"],
        "bound_error": stated["bound error"],
        "fit_kind": stated["fit kind"],
        "scores": card.scores,
        "errors": card.errors,
        "floor": card.floor,
        "verdict": card.verdict,
        "parameters": posterior.num_samples * size,
        "seconds": round(posterior.info.seconds, 1),
    }


def over_nodes(model: Model, where: str) -> Model:
    """Give a network random nodes, and put its weights at the mode under their earlier prior."""

    def weights(name: str, _: Tensor) -> priors.Point:
        return priors.Point(model.latents[name])

    prior = priors.NodePrior(dist.Normal(1.0, 0.3), where=where, weights=weights)
    return Model(model.network, prior, model.likelihood)


def jobs_of(names: Sequence[str], labels: Sequence[str]) -> list[tuple[str, str]]:
    """Return the pairs of a reference and a guide that are to be scored."""
    jobs = []
    for name in names:
        has_full = size(name) <= LARGEST_FULL
        for label in labels:
            if has_full or label not in FULL:
                jobs.append((name, label))

    return jobs


def score_all(
    names: Sequence[str], labels: Sequence[str], steps: int, workers: int
) -> Results:
    """Score guides on references, some at once; guides that fail are omitted."""
    jobs = jobs_of(names, labels)
    found: Results = {name: {} for name in names}
    spawn = get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawn) as pool:
        running = {pool.submit(score, *job, steps): job for job in jobs}
        for done in tqdm(as_completed(running), total=len(jobs), desc="fits"):
            name, label = running[done]
            try:
                found[name][label] = done.result()
            except (ValueError, RuntimeError) as error:
                tqdm.write(f"{name}, {label}: left out, {error}")

    return found


def earlier(path: Path) -> Results:
    """Return the results in a file, none if there is no file."""
    if not path.exists():
        return {}

    return json.loads(path.read_text())["results"]


def merged(old: Results, new: Results) -> Results:
    """Return old results, with new ones in their place or added to them."""
    together = {name: dict(fits) for name, fits in old.items()}
    for name, fits in new.items():
        together[name] = together.get(name, {}) | fits

    return together


def size(name: str) -> int:
    """Return the dimensions of a reference's posterior."""
    model = REFERENCES[name]().model
    return sum(prior.shape().numel() for prior in model.latents.values())


def main_score(fit: Fit) -> str:
    """Return the name of the main score: the first of `SCORES` that there is."""
    return next(name for name in SCORES if name in fit["scores"])


def table_of(results: Results) -> Table:
    """Return a row for each guide with the main score on each reference, after the floors."""
    floors: list[Cell] = ["floor"]
    for fits in results.values():
        first = next(iter(fits.values()))
        floors.append(first["floor"][main_score(first)])

    rows = [floors]
    for label in LABELS:
        row: list[Cell] = [label]
        for fits in results.values():
            fit = fits.get(label)
            row.append(None if fit is None else fit["scores"][main_score(fit)])
        rows.append(row)

    return Table(("guide", *results), rows)


def draw(results: Results) -> Figure:
    """Draw a panel for each reference: a dot for each guide, and a line at the floor."""
    figure = Figure(figsize=(2.2 * len(results) + 2.2, 5.6), layout="constrained")
    axes = figure.subplots(1, len(results), sharey=True, squeeze=False)[0]
    for ax, (name, fits) in zip(axes, results.items(), strict=True):
        ax.set_title(name)
        draw_reference(fits, ax)

    return figure


def draw_reference(fits: Mapping[str, Fit], ax: Axes) -> None:
    """Draw the main score of each guide on one reference."""
    labels = LABELS[::-1]
    first = next(iter(fits.values()))
    score_name = main_score(first)
    floor = first["floor"][score_name]

    places = []
    values = []
    errors = []
    for place, label in enumerate(labels):
        if label in fits:
            places.append(place)
            values.append(fits[label]["scores"][score_name])
            errors.append(fits[label]["errors"][score_name])

    ax.errorbar(
        values,
        places,
        xerr=errors,
        fmt="o",
        color="#0072B2",
        markersize=5,
        elinewidth=1,
    )
    ax.axvline(floor, color="#8C8C8C", linewidth=3, alpha=0.6)
    ax.set(xscale="log", xlabel=score_name.replace("_", " "), xlim=(floor / 2, None))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_yticks(range(len(labels)), labels)
    ax.grid(axis="y", alpha=0.2)
    ax.spines[["top", "right"]].set_visible(False)


def shipped() -> list[str]:
    """Return the names of the references that ship, the smallest first."""
    names = []
    for name in REFERENCES:
        path = FOLDER / f"{name}.safetensors"
        if path.exists():
            names.append(name)

    return sorted(names, key=size)


def main() -> None:
    """Score everything, print the table, write results and figure."""
    matplotlib.use("Agg")
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.fidelity", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--references", default=",".join(shipped()), help="names, comma-separated"
    )
    parser.add_argument(
        "--guides",
        help="names, comma-separated; the other rows of the file stay as they are",
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
        help="file for the results",
    )
    parser.add_argument(
        "--figure", type=Path, default=FIGURE, help="file for the figure"
    )
    arguments = parser.parse_args()

    names = arguments.references.split(",")
    labels = arguments.guides.split(",") if arguments.guides else LABELS
    results = score_all(names, labels, arguments.steps, arguments.workers)
    if arguments.guides:
        results = merged(earlier(arguments.out), results)

    write(arguments.out, {"results": results, "settings": {"steps": arguments.steps}})
    print(table_of(results))
    draw(results).savefig(arguments.figure, dpi=110)


if __name__ == "__main__":
    main()
