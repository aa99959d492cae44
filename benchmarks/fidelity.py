"""Every guide on every reference posterior that ships: one table and one figure.

    python -m benchmarks.fidelity

It takes an hour on two cores for six references and one seed, most of it for `Resampled` on
the three largest, and writes results/fidelity.json and docs/fidelity.png. Every fit is made
with three seeds, and its errors are standard errors over them. Rows are written as soon as all
their seeds have ended; `--references NAME --guides NAME,NAME` adds rows to the file.

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
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import matplotlib
import pyro
import pyro.distributions as dist
import torch
from pyro.infer import autoguide
from torch import Tensor
from tqdm import tqdm

import guides
import zoo
from benchmarks.fidelity_figure import draw
from benchmarks.fidelity_scores import Fit, Results, cell_of, main_score, over_seeds
from benchmarks.fidelity_swag import ALONG_SGD
from benchmarks.record import write
from zoo import inference, priors, references
from zoo.command.choices import REFERENCES
from zoo.inference.engine import Engine
from zoo.posterior.info import LaplaceInfo, SVIInfo
from zoo.posterior.posterior import Posterior
from zoo.references.reference import FOLDER, Reference
from zoo.reports.bounds import StatedBound
from zoo.reports.table import Cell, Table
from zoo.runtime.programs import PyroProgram

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
FIGURE = ROOT / "docs" / "fidelity.png"
LINEARISED = "Laplace linearised"
BATCH = 64  # images in a batch; tables and rows of pixels are used all at once
LARGEST_FULL = 1000  # dimensions of the largest full covariance
COLUMNS = 6  # references of a printed table
MANY_ROWS = 20  # of a reference in the figure
Model = zoo.BayesianNetwork
MakeGuide = Callable[[Model], PyroProgram]


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
_LAPLACE = partial(inference.Laplace, structure="full", num_samples=400, progress=False)
_CHAINS = {
    "num_chains": 4,
    "num_epochs": 3000,
    "thinning": 5,
    "init": "map",
    "compile": False,
    "progress": False,
}
ENGINES: dict[str, Callable[[Model], Engine]] = {
    "Laplace": _LAPLACE,
    LINEARISED: _LAPLACE,
    "Laplace refined": partial(_LAPLACE, refined=True),
    "AIS": partial(inference.AIS, progress=False),
    "RepulsiveEnsemble": partial(inference.RepulsiveEnsemble, progress=False),
    **ALONG_SGD,
    "SGLD": partial(inference.SGLD, **_CHAINS),
    "SGHMC": partial(inference.SGHMC, **_CHAINS),
    "SGNHT": partial(inference.SGNHT, **_CHAINS),
    "SGHMC cyclical": partial(inference.SGHMC, cycles=10, **_CHAINS),
}
LABELS = (*WEIGHTS, *OVER_NODES, *ENGINES)
FULL = {"FullRank", "AutoMultivariateNormal"}


def score(name: str, label: str, steps: int, seed: int) -> Fit:
    """Fit one guide or engine to the data of one reference, and score it.

    Arguments:
        name: The name of the reference.
        label: The name of the row.
        steps: Gradient steps of a guide.
        seed: Seed of all random numbers.
    """
    torch.set_num_threads(1)
    pyro.set_rng_seed(seed)
    reference = references.load(REFERENCES[name])
    train = reference.data.train
    if label in ENGINES:
        posterior = ENGINES[label](reference.model).fit(train)
    else:
        posterior = fit_guide(reference, label, steps)

    scored: Posterior | Tensor = posterior
    if label == LINEARISED:
        scored = posterior.predict(reference.inputs, linearised=True).functions

    card = zoo.fidelity(scored, reference)
    stated = StatedBound.of(posterior, train).cells()

    return {
        "bound": stated["bound"],
        "bound_error": stated["bound error"],
        "fit_kind": stated["fit kind"],
        "scores": card.scores,
        "errors": card.errors,
        "floor": card.floor,
        "verdict": card.verdict,
        "parameters": num_parameters(posterior),
        "seconds": round(posterior.info.seconds, 1),
    }


def fit_guide(reference: Reference, label: str, steps: int) -> Posterior:
    """Fit a guide by the defaults of SVI, over nodes with a model of its own."""
    model = reference.model
    if label in OVER_NODES:
        where, make = OVER_NODES[label]
        if not model.plan.nodes:
            model = over_nodes(model, where)
    else:
        make = WEIGHTS[label]

    has_images = reference.inputs.dim() == 4
    engine = inference.SVI(model, make(model), num_steps=steps, progress=False)

    return engine.fit(reference.data.train, BATCH if has_images else None)


def num_parameters(posterior: Posterior) -> int:
    """Return the parameters of a guide or of a normal, or all numbers of particles."""
    info = posterior.info
    if isinstance(info, SVIInfo):
        return info.num_parameters

    size = sum(prior.shape().numel() for prior in posterior.model.latents.values())
    if isinstance(info, LaplaceInfo):
        return size + size * (size + 1) // 2  # a full covariance

    return posterior.num_samples * size


def over_nodes(model: Model, where: str) -> Model:
    """Give a network random nodes, and put its weights at the mode under their earlier prior.

    Raises:
        ValueError: A prior with random parameters, which is no prior of the weights alone.
    """

    def weights(name: str, _: Tensor) -> priors.Point:
        if name not in model.latents:
            raise ValueError(f"{name!r} has no prior without random parameters")

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
    names: Sequence[str],
    labels: Sequence[str],
    arguments: argparse.Namespace,
    keep: Callable[[Results], None],
) -> None:
    """Score guides on references, some at once; guides that fail are omitted.

    Arguments:
        names: The names of the references.
        labels: The names of the rows.
        arguments: Steps, seeds, workers, and whether rows of the file are left out.
        keep: Called with every row whose seeds have all ended.
    """
    jobs = jobs_of(names, labels)
    if arguments.missing:
        before = earlier(arguments.out)
        jobs = [
            (name, label) for name, label in jobs if label not in before.get(name, {})
        ]

    fits: dict[tuple[str, str], dict[int, Fit]] = {job: {} for job in jobs}
    spawn = get_context("spawn")
    with ProcessPoolExecutor(arguments.workers, mp_context=spawn) as pool:
        running = {}
        for job in jobs:
            for seed in range(arguments.seeds):
                running[pool.submit(score, *job, arguments.steps, seed)] = (job, seed)

        for done in tqdm(as_completed(running), total=len(running), desc="fits"):
            (name, label), seed = running[done]
            try:
                fits[name, label][seed] = done.result()
            except (ValueError, RuntimeError) as error:
                tqdm.write(f"{name}, {label}, seed {seed}: left out, {error}")

            found = fits[name, label]
            if len(found) == arguments.seeds:
                in_order = [found[number] for number in sorted(found)]
                keep({name: {label: over_seeds(in_order)}})


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
            row.append(None if fit is None else cell_of(fit))

        if any(cell is not None for cell in row[1:]):
            rows.append(row)

    return Table(("guide", *results), rows)


def print_tables(results: Results) -> None:
    """Print the table, some references at a time."""
    names = list(results)
    for first in range(0, len(names), COLUMNS):
        part = {name: results[name] for name in names[first : first + COLUMNS]}
        print(f"{table_of(part)}\n")


def shipped() -> list[str]:
    """Return the names of the references that ship, the smallest first."""
    names = []
    for name in REFERENCES:
        path = FOLDER / f"{name}.safetensors"
        if path.exists():
            names.append(name)

    return sorted(names, key=size)


def results_of(arguments: argparse.Namespace) -> Results:
    """Return the results of fits or of files, with the other rows of the file of results."""
    results = earlier(arguments.out)
    if arguments.merge is not None:
        for path in arguments.merge:
            results = merged(results, earlier(path))

        return results

    def keep(row: Results) -> None:
        nonlocal results
        results = merged(results, row)
        save(results, arguments)

    names = arguments.references.split(",")
    labels = arguments.guides.split(",") if arguments.guides else LABELS
    score_all(names, labels, arguments, keep)
    return results


def save(results: Results, arguments: argparse.Namespace) -> None:
    """Write the results."""
    settings = {"steps": arguments.steps, "seeds": arguments.seeds}
    write(arguments.out, {"results": results, "settings": settings})


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
        "--merge",
        type=Path,
        nargs="*",
        help="files whose rows are taken instead of fits; without a name it only draws",
    )
    parser.add_argument(
        "--missing", action="store_true", help="leave out the rows that the file has"
    )
    parser.add_argument(
        "--steps", type=int, default=2000, help="gradient steps of each guide"
    )
    parser.add_argument(
        "--seeds", type=int, default=3, help="fits of each row, of seeds 0, 1, ..."
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

    results = results_of(arguments)
    only_draws = arguments.merge == []
    if not only_draws:
        save(results, arguments)
    print_tables(results)

    drawn = {name: fits for name, fits in results.items() if len(fits) >= MANY_ROWS}
    if drawn:
        draw(drawn).savefig(arguments.figure, dpi=110)


if __name__ == "__main__":
    main()
