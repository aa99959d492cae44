"""Every guide against NUTS on yacht and on digits: how close it comes, for how many parameters and in how many seconds.

    python -m benchmarks.fidelity            some twenty minutes; writes results/fidelity.json and docs/fidelity.png

Yacht: one hidden layer of 10, the noise fixed at 0.2; the score is Wasserstein-1 between function values in units of
the truth's spread. Digits: one hidden layer of 10, 300 training images; the score is total variation between class
probabilities. The floor is what the truth's chains score against each other. Guides over nodes have another model,
random nodes under trained weights, and are compared as functions with the same truth.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import matplotlib
import pyro
import pyro.distributions as dist
import torch
from matplotlib.figure import Figure
from pyro.infer import autoguide

import guides
import zoo
from benchmarks.record import write
from zoo import datasets, inference, likelihoods, networks, plots, priors
from zoo.datasets import Dataset, Split
from zoo.posterior import Posterior

ROOT = Path(__file__).parent.parent
RESULTS, FIGURE = ROOT / "benchmarks" / "results", ROOT / "docs" / "fidelity.png"
SCORES = {"yacht": "wasserstein", "digits": "total_variation"}
LABELS = {"wasserstein": "Wasserstein-1 to the truth, in its sd", "total_variation": "total variation to the truth"}
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
    "Mixture of 4 MeanField": partial(guides.Mixture, make=guides.MeanField, num_components=4, spread=0.5),
    "Mixture of 5 Delta": partial(guides.Mixture, make=guides.Delta, num_components=5, spread=0.5),
    "AutoNormal": autoguide.AutoNormal,
    "AutoMultivariateNormal": autoguide.AutoMultivariateNormal,
    "AutoLowRank": partial(autoguide.AutoLowRankMultivariateNormal, rank=8),
}
OVER_NODES: dict[str, tuple[str, Callable[[Model], object]]] = {
    "NodeMixture": ("in", guides.NodeMixture),
    "Rank1": ("both", guides.Rank1),
    "Flow over nodes": ("in", guides.Flow),
}


def problem(name: str) -> tuple[Dataset, Model, Callable[[str], Model]]:
    """Return the data, the model over weights, and what makes the model over nodes on the given side."""
    if name == "yacht":
        data, likelihood = datasets.uci("yacht"), likelihoods.Gaussian(0.2)
        network = networks.MLP(6, 1, hidden=[10])
    else:
        digits = datasets.digits()
        train, test = ((part.x.flatten(1), part.y) for part in (digits.train, digits.test))
        data = Dataset("digits", Split(train[0][:300], train[1][:300]), Split(*test))
        likelihood, network = likelihoods.Categorical(), networks.MLP(64, 10, hidden=[10])
    weights = priors.Point(dist.Normal(0.0, 1.0))

    def nodes(where: str) -> Model:
        prior = priors.NodePrior(dist.Normal(1.0, 0.3), where=where, weights=weights)
        return Model(network, prior, likelihood)

    return data, Model(network, priors.WeightPrior(dist.Normal(0.0, 1.0)), likelihood), nodes


def truth_of(name: str, model: Model, data: Dataset, folder: Path, draws: int) -> Posterior:
    """Run NUTS, or read what an earlier run has left."""
    path = folder / f"truth-{name}.safetensors"
    if path.exists():
        return zoo.load(path, model)
    sampler = inference.NUTS(
        model,
        num_chains=2,
        warmup_steps=300,
        num_samples=draws,
        max_tree_depth=7,
        target_accept_prob=0.9,
        full_mass=name == "yacht",
    )
    truth = sampler.fit(data.train)
    folder.mkdir(parents=True, exist_ok=True)
    truth.save(path)
    return truth


def compare(name: str, arguments: argparse.Namespace) -> dict:
    """Fit every guide to one data set and score it."""
    pyro.set_rng_seed(0)
    data, model, nodes = problem(name)
    truth = truth_of(name, model, data, arguments.cache, arguments.draws)
    believed = str(zoo.convergence(truth, data.test.x))
    print(f"{name}: the truth has {believed}", flush=True)
    chosen: dict[str, object] = {label: make(model) for label, make in WEIGHTS.items()}
    for label, (where, make) in OVER_NODES.items():
        over = nodes(where)
        chosen[label] = (over, make(over))
    result = zoo.compare(model, chosen, truth, data, num_steps=arguments.steps, lr=1e-2)
    rows = {}
    for label, fidelity in result.fidelities.items():
        info = result.posteriors[label].info
        rows[label] = {"scores": fidelity.scores, "parameters": info.num_parameters, "seconds": info.seconds}
    print(result.table, flush=True)
    floor = next(iter(result.fidelities.values())).floor
    return {"truth": believed, "floor": floor, "guides": rows, "table": result.table.to_dicts()}


def draw(results: dict[str, dict]) -> Figure:
    """Draw a row of two panels for each data set: fidelity against parameters and against seconds."""
    figure = Figure(figsize=(15, 6.5 * len(results)), layout="constrained")
    axes = figure.subplots(len(results), 2, squeeze=False)
    for row, (name, result) in zip(axes, results.items(), strict=True):
        score, found = SCORES[name], result["guides"]
        for ax, cost, xlabel in zip(row, ("parameters", "seconds"), ("parameters", "seconds to fit"), strict=True):
            plots.fidelity(
                list(found),
                [guide[cost] for guide in found.values()],
                [guide["scores"][score] for guide in found.values()],
                result["floor"][score],
                xlabel=xlabel,
                ylabel=LABELS[score],
                yscale="log",
                ax=ax,
            )
        row[0].set_title(name, loc="left")
    return figure


def main() -> None:
    """Compare on both data sets, write results and figure."""
    matplotlib.use("Agg")
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fidelity", description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="yacht,digits", help="names, comma-separated")
    parser.add_argument("--steps", type=int, default=3000, help="gradient steps of each guide")
    parser.add_argument("--draws", type=int, default=700, help="draws of each of the truth's two chains")
    parser.add_argument("--cache", type=Path, default=ROOT / "build", help="where the truths are kept between runs")
    parser.add_argument("--out", type=Path, default=RESULTS / "fidelity.json", help="where the results go")
    parser.add_argument("--figure", type=Path, default=FIGURE, help="where the figure goes")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    results = {}
    for name in arguments.data.split(","):
        results[name] = compare(name, arguments)
        settings = {"steps": arguments.steps, "draws": arguments.draws, "chains": 2}
        write(arguments.out, {"results": results, "settings": settings})
    draw(results).savefig(arguments.figure, dpi=110)


if __name__ == "__main__":
    main()
