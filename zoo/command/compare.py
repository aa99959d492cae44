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
from zoo.command.building import Build, make_guide
from zoo.command.choices import REFERENCES
from zoo.command.compare_arguments import add_arguments, fill_in
from zoo.command.output import Write, as_json, output_paths, write_files
from zoo.diagnostics.card import Fidelity
from zoo.experiments.running.record import about, settings
from zoo.likelihoods import Likelihood
from zoo.model import BayesianNetwork
from zoo.plots.saving import save_figure
from zoo.posterior.posterior import Posterior
from zoo.priors import Prior
from zoo.reports.comparison import Comparison

__all__ = ["add_arguments", "run"]

# a hidden layer of ten units cannot lose one in ten
OPTIONS = {"MCDropout": {"p": 0.05}}
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


def run(arguments: argparse.Namespace) -> None:
    """Compare guides with NUTS or with a reference; write table, results and figures."""
    import matplotlib

    matplotlib.use("Agg")  # the figure goes to a file
    pyro.set_rng_seed(arguments.seed)
    fill_in(arguments)
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
