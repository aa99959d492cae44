"""`zoo fit`: one posterior from names; its file, a result file and a figure."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any

import pyro

import guides
import zoo
from zoo import inference
from zoo.command.building import (
    Build,
    load_data,
    make_guide,
    make_likelihood,
    make_network,
)
from zoo.command.choices import PRIORS
from zoo.command.figure import draw_fit
from zoo.command.fit_arguments import BATCH_SIZE, MANY, add_fit_arguments
from zoo.command.output import Write, as_json, output_paths, write_files
from zoo.command.shared import shared
from zoo.command.signatures import accepted, refuse_unknown
from zoo.datasets import Dataset
from zoo.experiments.running.record import about, info_values, settings
from zoo.inference import Engine
from zoo.model import BayesianNetwork
from zoo.plots.saving import save_figure
from zoo.posterior.info import MCMCInfo
from zoo.posterior.posterior import Posterior
from zoo.posterior.sharded_posterior import ShardedPosterior
from zoo.priors import Prior
from zoo.reports.bounds import StatedBound
from zoo.reports.scores import accuracy_scores


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_fit_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Fit, score, and write the three files; of several processes the first one does."""
    import matplotlib

    matplotlib.use("Agg")  # the figure goes to a file
    with shared(arguments.device) as ranks:
        if not ranks.is_first:
            _fit(arguments)
            return

        paths = output_paths(
            arguments.out, "posterior.safetensors", "results.json", "fit.png"
        )
        data, model, posterior = _fit(arguments)
        if isinstance(posterior.info, MCMCInfo):
            print(f"chains: {_judgement(posterior, data)}")

        _write(arguments, data, model, posterior, paths)


def _fit(arguments: argparse.Namespace) -> tuple[Dataset, BayesianNetwork, Posterior]:
    """Load the data, make the model, and fit it."""
    pyro.set_rng_seed(arguments.seed)
    data = load_data(
        arguments.data,
        split=arguments.split,
        path=arguments.path,
        num_train=arguments.num_train,
        target=arguments.target,
        task=arguments.task,
    )
    model, engine = _make_model_and_engine(arguments, data)
    print(f"{data!r}\n{model.summary()}\n{engine!r}\n", flush=True)

    batch_size = arguments.batch_size
    if batch_size is None and len(data.train.x) > MANY:
        batch_size = BATCH_SIZE
    posterior = engine.fit(data.train, **accepted(engine.fit, batch_size=batch_size))

    return data, model, posterior


def _judgement(posterior: Posterior, data: Dataset) -> str:
    """Say whether chains agree, or why that cannot be said, and what is wrong with the run."""
    try:
        return str(zoo.convergence(posterior, data.test.x))
    except (
        ValueError
    ) as error:  # a short run, a single chain, or chains that never moved
        return str(error)


def _write(
    arguments: argparse.Namespace,
    data: Dataset,
    model: BayesianNetwork,
    posterior: Posterior,
    paths: list[Path],
) -> None:
    """Score a posterior on the test part and write the three files."""
    num_samples = posterior.num_available(arguments.num_samples)
    prediction = posterior.predict(data.test.x, num_samples)
    scores = accuracy_scores(prediction, data.test.y, data)

    shown = ", ".join(f"{name} {value:.4g}" for name, value in scores.items())
    print(f"{shown} in {posterior.info.seconds:.1f} s", flush=True)
    if posterior.info.stopped:
        print(posterior.info.stopped, flush=True)
    bound = StatedBound.of(posterior, data.train)
    print(bound, flush=True)

    facts = {
        "scores": scores,
        "bound": {**bound.cells(), "without training": bound.without_training},
        "run": info_values(posterior.info),
        "data": repr(data),
        "prior": repr(model.prior),
        "likelihood": repr(model.likelihood),
        "settings": settings(arguments),
        **about(arguments.device),
    }
    posterior_path, results_path, figure_path = paths
    writes: dict[Path, Write] = {
        posterior_path: posterior.save,
        results_path: as_json(facts),
        figure_path: lambda path: save_figure(
            draw_fit(posterior, prediction, data), path
        ),
    }
    if isinstance(posterior, ShardedPosterior):  # a folder has its draws
        del writes[posterior_path]

    write_files(writes)


def _make_model_and_engine(
    arguments: argparse.Namespace, data: Dataset
) -> tuple[BayesianNetwork, Engine]:
    """Make the model and the engine from names, and pass settings on to what takes them."""
    network = make_network(arguments.network, data, arguments.hidden).to(
        arguments.device
    )
    likelihood = make_likelihood(data, arguments.noise, network)
    default_prior = "normal" if data.train.x.dim() == 2 else "fan_in"

    def build(prior: Prior) -> BayesianNetwork:
        return BayesianNetwork(network, prior, likelihood)

    if arguments.engine == "SVI":
        return _make_svi(arguments, default_prior, build)

    engine_class = getattr(inference, arguments.engine)
    chosen = dict(arguments.set)
    refuse_unknown(chosen, [engine_class])
    options: dict[str, Any] = {
        "num_chains": arguments.chains,
        "warmup_steps": arguments.warmup,
        "num_samples": arguments.draws,
        **_of_run(arguments, engine_class),
    }
    if "lr" in signature(engine_class).parameters:
        # num_steps counts gradient steps in such an engine, leapfrog steps in a sampler
        options |= {"num_steps": arguments.steps, "lr": arguments.lr}
    options = accepted(engine_class, **options)
    options |= {"progress": not arguments.no_progress, **chosen}

    model = build(PRIORS[arguments.prior or default_prior]())
    return model, engine_class(model, **options)


def _of_run(
    arguments: argparse.Namespace, engine_class: Callable[..., Any]
) -> dict[str, Any]:
    """Return checkpoint and time limit, or refuse those that an engine does not have."""
    found = {"checkpoint": arguments.checkpoint, "time_limit": arguments.time_limit}
    for name, value in found.items():
        if value is not None and name not in signature(engine_class).parameters:
            flag = name.replace("_", "-")
            raise ValueError(
                f"--{flag} is not for {engine_class.__name__}, which has no {name}; omit it"
            )

    return found


def _make_svi(
    arguments: argparse.Namespace, default_prior: str, build: Build
) -> tuple[BayesianNetwork, inference.SVI]:
    """Make a model, and SVI with a guide for it."""
    chosen = dict(arguments.set)
    guide_class = getattr(guides, arguments.guide)
    refuse_unknown(chosen, [guide_class, inference.SVI])

    guide_options = accepted(guide_class, **chosen)
    engine_options = {"progress": not arguments.no_progress}
    for name, value in chosen.items():
        if name not in guide_options:
            engine_options[name] = value

    options = accepted(
        inference.SVI,
        num_steps=arguments.steps,
        lr=arguments.lr,
        **_of_run(arguments, inference.SVI),
    )
    model, guide = make_guide(
        arguments.guide, guide_options, arguments.prior, default_prior, build
    )
    return model, inference.SVI(model, guide, **options | engine_options)
