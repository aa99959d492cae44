"""`zoo compare`: guides and NUTS on a UCI table; a table, a result file and a figure."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pyro
import pyro.distributions as dist
from torch import nn

import guides
import zoo
from zoo import datasets, inference, likelihoods, networks, priors, references
from zoo.command.arguments import add_common, one_of, several_of
from zoo.command.building import Build, make_guide
from zoo.command.choices import GUIDES, REFERENCES
from zoo.datasets.uci import EMBEDDED
from zoo.experiments.running.record import about, settings
from zoo.likelihoods import Likelihood
from zoo.model import BayesianNetwork
from zoo.posterior.posterior import Posterior
from zoo.priors import Prior
from zoo.reports.comparison import Comparison

_DEFAULT_GUIDES = ["Delta", "MeanField", "LocalReparam", "MCDropout", "NodeMixture"]
_OPTIONS = {
    "MCDropout": {"p": 0.05}
}  # a hidden layer of ten units cannot lose one in ten
_INPUT_NAMES = {
    "yacht": [
        "longitudinal position",
        "prismatic coefficient",
        "length-displacement ratio",
        "beam-draught ratio",
        "length-beam ratio",
        "Froude number",
    ]
}
_TRUTH_ROW = "The row of the truth compares its own chains with each other."
_LEGEND = f"""\
rmse, nll (nats per point): in the original units of the targets.
coverage 90 %: the share of test targets inside the 90 % interval.
mean error: the distance of the mean from the truth's, in standard deviations of the truth.
spread ratio: the standard deviation divided by the truth's.
wasserstein: the Wasserstein-1 distance from the truth, in standard deviations of the truth.
{_TRUTH_ROW}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.formatter_class = argparse.ArgumentDefaultsHelpFormatter
    parser.description = (
        "Fit guides to a UCI data set, sample the posterior of the same small network with NUTS, "
        f"and say how far each guide is from it. Guides: {', '.join(GUIDES)}."
    )
    add = parser.add_argument
    add(
        "--reference",
        type=one_of(REFERENCES, "reference"),
        metavar="NAME",
        help=f"a stored reference posterior instead of NUTS: {', '.join(REFERENCES)}",
    )
    add(
        "--data",
        type=one_of(EMBEDDED, "data set"),
        default="yacht",
        metavar="NAME",
        help=", ".join(EMBEDDED),
    )
    add(
        "--split",
        type=int,
        default=0,
        metavar="K",
        help="one of Gal's 20 splits, 0 to 19",
    )
    add("--hidden", type=int, default=10, metavar="H", help="units of the hidden layer")
    add(
        "--noise",
        type=float,
        default=0.2,
        metavar="SCALE",
        help="noise in standardised units; 0 infers it",
    )
    _add_fits(parser)
    _add_nuts(parser)
    add_common(parser, out=Path(), contents="results.json and zoo.png")


def _add_fits(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--guides",
        type=several_of(GUIDES, "guide"),
        default=_DEFAULT_GUIDES,
        metavar="A,B",
        help="guides to fit",
    )
    add(
        "--steps",
        type=int,
        default=3000,
        metavar="T",
        help="gradient steps of each guide",
    )
    add(
        "--lr",
        type=float,
        default=1e-2,
        metavar="RATE",
        help="learning rate of each guide",
    )
    add("--batch-size", type=int, metavar="B", help="rows of a batch; by default all")


def _add_nuts(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--chains", type=int, default=2, metavar="C", help="chains of NUTS")
    add("--warmup", type=int, default=300, metavar="W", help="warm-up draws per chain")
    add("--draws", type=int, default=700, metavar="S", help="draws kept per chain")
    add(
        "--max-tree-depth",
        type=int,
        default=7,
        metavar="J",
        help="a trajectory has at most 2^J - 1 leapfrog steps",
    )


def run(arguments: argparse.Namespace) -> None:
    """Compare guides with NUTS or with a reference; write table, results and figures."""
    import matplotlib

    matplotlib.use("Agg")  # the figure goes to a file
    pyro.set_rng_seed(arguments.seed)
    if arguments.reference:
        _compare_with_reference(arguments)
    else:
        _compare_with_nuts(arguments)


def _compare_with_nuts(arguments: argparse.Namespace) -> None:
    data = datasets.uci(arguments.data, split=arguments.split)
    num_inputs = data.train.x.shape[1]
    network = networks.MLP(num_inputs, 1, hidden=[arguments.hidden]).to(
        arguments.device
    )
    likelihood = likelihoods.Gaussian(arguments.noise or dist.HalfNormal(1.0))
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    model = BayesianNetwork(network, prior, likelihood)
    print(f"{data!r}\n{model.summary()}\n", flush=True)

    reference = _sample(model, data, arguments)
    convergence = str(zoo.convergence(reference, data.test.x))
    print(f"truth: {convergence}\n", flush=True)

    build = _builder(network, likelihood)
    chosen = {}
    for name in dict.fromkeys(arguments.guides):
        chosen[name] = make_guide(name, _OPTIONS.get(name, {}), None, "normal", build)
    comparison = zoo.compare(model, chosen, reference, data, **_fit_options(arguments))

    arguments.out.mkdir(parents=True, exist_ok=True)
    figure_path = arguments.out / "zoo.png"
    figure = comparison.plot(names=_INPUT_NAMES.get(arguments.data))
    figure.savefig(figure_path, dpi=150)
    results_path = _write_results(arguments, comparison, truth=convergence)
    print(f"\n{comparison}\n\n{_LEGEND}\nwritten: {results_path} and {figure_path}")


def _sample(
    model: BayesianNetwork, data: datasets.Dataset, arguments: argparse.Namespace
) -> Posterior:
    """Sample the posterior with NUTS."""
    sampler = inference.NUTS(
        model,
        num_chains=arguments.chains,
        warmup_steps=arguments.warmup,
        num_samples=arguments.draws,
        max_tree_depth=arguments.max_tree_depth,
        target_accept_prob=0.9,
        full_mass=True,
        progress=not arguments.no_progress,
    )
    return sampler.fit(data.train)


def _compare_with_reference(arguments: argparse.Namespace) -> None:
    reference = references.load(REFERENCES[arguments.reference])
    model = reference.model.to(arguments.device)
    print(f"{reference.data!r}\n{model.summary()}\n\n{reference!r}\n", flush=True)

    chosen = {}
    for name in dict.fromkeys(arguments.guides):
        chosen[name] = _guide_for(name, model)
    comparison = zoo.compare(model, chosen, reference, **_fit_options(arguments))
    print(f"{comparison}\n")

    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, card in comparison.fidelities.items():
        path = arguments.out / f"{arguments.reference}-{name}.png"
        card.plot().savefig(path, dpi=150)
        print(f"{name}: {card.verdict} ({path})")
    results_path = _write_results(arguments, comparison)
    print(f"\n{_TRUTH_ROW}\nwritten: {results_path}")


def _guide_for(
    name: str, model: BayesianNetwork
) -> tuple[BayesianNetwork, guides.Guide]:
    """Make a guide for a reference's model, or for another prior if it refuses that one."""
    options = _OPTIONS.get(name, {})
    try:
        return model, getattr(guides, name)(model, **options)
    except ValueError:  # compared as a function, under a prior that it accepts
        build = _builder(model.network, model.likelihood)
        return make_guide(name, options, None, "normal", build)


def _builder(network: nn.Module, likelihood: Likelihood) -> Build:
    """Return a function that makes a model from a prior."""

    def build(prior: Prior) -> BayesianNetwork:
        return BayesianNetwork(network, prior, likelihood)

    return build


def _fit_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments of `zoo.compare` for the fits of guides."""
    return {
        "num_steps": arguments.steps,
        "lr": arguments.lr,
        "batch_size": arguments.batch_size,
        "progress": not arguments.no_progress,
    }


def _write_results(
    arguments: argparse.Namespace, comparison: Comparison, **more: str
) -> Path:
    """Write the table, the settings and the versions to results.json."""
    path = arguments.out / "results.json"
    facts = {
        "table": comparison.table.to_dicts(),
        **more,
        "settings": settings(arguments),
        **about(arguments.device),
    }
    path.write_text(json.dumps(facts, indent=2) + "\n")
    return path
