"""`zoo compare`: fit guides and NUTS to a UCI table; write a table and a figure."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import pyro
import pyro.distributions as dist
from torch import nn

import guides
import zoo
from zoo import datasets, inference, likelihoods, networks, priors, references
from zoo.command.arguments import (
    HelpWithDefaults,
    add_common,
    count,
    count_or_none,
    one_of,
    several_of,
)
from zoo.command.building import Build, make_guide
from zoo.command.choices import GUIDES, REFERENCES
from zoo.command.output import Write, as_json, output_paths, write_files
from zoo.datasets.uci import EMBEDDED
from zoo.diagnostics.card import Fidelity
from zoo.experiments.running.record import about, settings
from zoo.likelihoods import Likelihood
from zoo.model import BayesianNetwork
from zoo.plots.saving import save_figure
from zoo.posterior.posterior import Posterior
from zoo.priors import Prior
from zoo.references.reference import FOLDER
from zoo.reports.comparison import Comparison

DEFAULT_GUIDES = ["Delta", "MeanField", "LocalReparam", "MCDropout", "NodeMixture"]
# gradient steps and their rate, beside NUTS and with a reference; a small network on a table
# has a lower bound after 1500 steps at 0.08 than after 3000 at 0.02
NUM_STEPS = {"NUTS": 1500, "reference": 8000}
RATES = {"NUTS": 8e-2, "reference": 2e-2}
OPTIONS = {
    "MCDropout": {"p": 0.05}
}  # a hidden layer of ten units cannot lose one in ten
INPUT_NAMES = {
    "yacht": [
        "longitudinal position",
        "prismatic coefficient",
        "length-displacement ratio",
        "beam-draught ratio",
        "length-beam ratio",
        "Froude number",
    ]
}
SCORES = """\
rmse and nll (nats per point) in original units; coverage of the 90 % interval on test targets;
bound on the evidence at temperature 1, in nats per training datum, lower is better;
distance from the reference in mean, in spread and in distribution (Wasserstein-1), in units of
the reference's spread."""
FLOOR = "The row of the truth is the reference: the scores of its chains against each other."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.formatter_class = HelpWithDefaults
    parser.description = (
        "Fit guides to a UCI data set, sample the posterior of the same small network with NUTS, "
        f"and say how far each guide is from it. Guides: {', '.join(GUIDES)}."
    )
    stored = [name for name in REFERENCES if (FOLDER / f"{name}.safetensors").is_file()]
    others = [name for name in REFERENCES if name not in stored]
    add = parser.add_argument
    add(
        "--reference",
        type=one_of(REFERENCES, "reference"),
        metavar="NAME",
        help="compare with a reference posterior instead of NUTS; stored: "
        f"{', '.join(stored)}; to be made with `zoo reference`: {', '.join(others)}",
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
    _add_network(parser)
    _add_fits(parser)
    _add_nuts(parser)
    add_common(parser, out=Path(), contents="results.json and zoo.png")


def _add_network(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--hidden",
        type=count,
        default=10,
        metavar="H",
        help="units of the hidden layer",
    )
    add(
        "--noise",
        type=float,
        default=0.2,
        metavar="SCALE",
        help="standard deviation of the noise, in standardised units; 0 infers it",
    )


def _add_fits(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--guides",
        type=several_of(GUIDES, "guide"),
        default=DEFAULT_GUIDES,
        metavar="A,B",
        help="guides to fit",
    )
    add(
        "--steps",
        type=count,
        metavar="T",
        help=f"gradient steps of each guide; by default {_by_default(NUM_STEPS)}",
    )
    add(
        "--lr",
        type=float,
        metavar="RATE",
        help=f"learning rate of each guide; by default {_by_default(RATES)}",
    )
    add("--batch-size", type=count, metavar="B", help="rows of a batch; by default all")


def _by_default(values: dict[str, float]) -> str:
    """Return a text with the defaults beside NUTS and with a reference."""
    return f"{values['NUTS']:g} beside NUTS and {values['reference']:g} with --reference"


def _add_nuts(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--chains", type=count, default=2, metavar="C", help="chains of NUTS")
    add(
        "--warmup",
        type=count_or_none,
        default=300,
        metavar="W",
        help="warm-up draws per chain",
    )
    add("--draws", type=count, default=700, metavar="S", help="draws kept per chain")
    add(
        "--max-tree-depth",
        type=count,
        default=8,
        metavar="J",
        help="a trajectory of NUTS has at most 2^J - 1 leapfrog steps",
    )


def run(arguments: argparse.Namespace) -> None:
    """Compare guides with NUTS or with a reference; write table, results and figures."""
    import matplotlib

    matplotlib.use("Agg")  # the figure goes to a file
    pyro.set_rng_seed(arguments.seed)
    truth = "reference" if arguments.reference else "NUTS"
    if arguments.steps is None:
        arguments.steps = NUM_STEPS[truth]
    if arguments.lr is None:
        arguments.lr = RATES[truth]

    if arguments.reference:
        _compare_with_reference(arguments)
    else:
        _compare_with_nuts(arguments)


def _compare_with_nuts(arguments: argparse.Namespace) -> None:
    results_path, figure_path = output_paths(arguments.out, "results.json", "zoo.png")
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
    print(f"the reference has {convergence}\n", flush=True)

    build = _builder(network, likelihood)
    chosen = {}
    for name in dict.fromkeys(arguments.guides):
        chosen[name] = make_guide(name, OPTIONS.get(name, {}), None, "normal", build)
    comparison = zoo.compare(model, chosen, reference, data, **_fit_options(arguments))

    print(f"\n{comparison}\n\n{SCORES}\n{FLOOR}", flush=True)
    names = INPUT_NAMES.get(arguments.data)
    write_files(
        {
            results_path: as_json(_results(arguments, comparison, truth=convergence)),
            figure_path: lambda path: save_figure(comparison.plot(names=names), path),
        }
    )


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
        progress=not arguments.no_progress,
    )
    return sampler.fit(data.train)


def _compare_with_reference(arguments: argparse.Namespace) -> None:
    names = list(dict.fromkeys(arguments.guides))
    figures = [f"{arguments.reference}-{name}.png" for name in names]
    results_path, *_ = output_paths(arguments.out, "results.json", *figures)
    reference = references.load(REFERENCES[arguments.reference])
    model = reference.model.to(arguments.device)
    print(f"{reference.data!r}\n{model.summary()}\n\n{reference!r}\n", flush=True)

    chosen = {}
    for name in names:
        chosen[name] = _guide_for(name, model)
    comparison = zoo.compare(model, chosen, reference, **_fit_options(arguments))
    print(f"{comparison}\n")

    writes: dict[Path, Write] = {results_path: as_json(_results(arguments, comparison))}
    for name, card in comparison.fidelities.items():
        path = arguments.out / f"{arguments.reference}-{name}.png"
        writes[path] = partial(_draw_card, card)
        print(f"{name}: {card.verdict} ({path})")

    print(f"\n{FLOOR}", flush=True)
    write_files(writes)


def _draw_card(card: Fidelity, path: Path) -> None:
    """Draw the card of a guide to a file."""
    save_figure(card.plot(), path)


def _guide_for(
    name: str, model: BayesianNetwork
) -> tuple[BayesianNetwork, guides.Guide]:
    """Make a guide for a reference's model, or for another prior if it refuses that one."""
    options = OPTIONS.get(name, {})
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


def _results(
    arguments: argparse.Namespace, comparison: Comparison, **more: str
) -> dict[str, Any]:
    """Return the table, the settings and the versions."""
    return {
        "table": comparison.table.to_dicts(),
        **more,
        "settings": settings(arguments),
        **about(arguments.device),
    }
