"""`zoo fit`: one posterior from names; its file, a result file and a figure."""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any

import pyro
import torch

import guides
import zoo
from zoo import inference
from zoo.command import arguments as types
from zoo.command.building import (
    Build,
    load_data,
    make_guide,
    make_likelihood,
    make_network,
)
from zoo.command.choices import CSV, DATA, ENGINES, FROM_PATH, GUIDES, NETWORKS, PRIORS
from zoo.command.csv_table import add_file_arguments
from zoo.command.figure import draw_fit
from zoo.command.signatures import accepted, refuse_unknown
from zoo.datasets import Dataset
from zoo.experiments.running.record import about, info_values, settings
from zoo.inference import Engine
from zoo.model import BayesianNetwork
from zoo.posterior.info import MCMCInfo
from zoo.posterior.posterior import Posterior
from zoo.priors import Prior
from zoo.reports.scores import accuracy_scores

_MANY = 2000  # with more data than this a fit takes batches by default
_BATCH_SIZE = 128
_OPTIONAL = ("network", "prior", "path", "num_train", "batch_size", "target", "task")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.formatter_class = types.HelpWithDefaults
    parser.description = (
        "Infer the posterior of one network on one data set, score it on the test part, and write "
        "posterior.safetensors (zoo.load reads it), results.json and fit.png."
    )
    _add_choices(parser)
    add_file_arguments(parser)
    _add_data(parser)
    _add_inference(parser)
    types.add_common(parser, out=Path("fit"), contents="the three files")
    parser.set_defaults(**dict.fromkeys(_OPTIONAL))


def _add_choices(parser: argparse.ArgumentParser) -> None:
    """Add the names to combine; by default network and prior fit the data and the guide."""
    required = {
        "data": (DATA, "yacht"),
        "guide": (GUIDES, "MeanField"),
        "engine": (ENGINES, "SVI"),
    }
    for flag, (names, default) in required.items():
        parser.add_argument(
            f"--{flag}",
            type=_data if flag == "data" else types.one_of(names, flag),
            default=default,
            metavar="NAME",
            help=", ".join(names) + (", or a CSV file" if flag == "data" else ""),
        )
    for flag, names in {"network": NETWORKS, "prior": list(PRIORS)}.items():
        parser.add_argument(
            f"--{flag}",
            type=types.one_of(names, flag),
            default=argparse.SUPPRESS,
            metavar="NAME",
            help=f"{', '.join(names)}; by default one for the data and the guide",
        )
    parser.add_argument(
        "--set",
        type=types.setting,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an argument of the guide or of the engine, e.g. num_components=8; can be repeated",
    )


def _data(text: str) -> str:
    """Read the name of a data set, or of a CSV file."""
    return text if text.endswith(CSV) else types.one_of(DATA, "data set")(text)


def _add_data(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--path",
        default=argparse.SUPPRESS,
        help=f"folder with the files of {', '.join(FROM_PATH)}",
    )
    add(
        "--num-train",
        type=int,
        default=argparse.SUPPRESS,
        metavar="N",
        help="size of the training part; by default all",
    )
    add(
        "--split",
        type=int,
        default=0,
        metavar="K",
        help="one of Gal's 20 splits of a UCI table, or the seed of the split of a CSV file",
    )
    add(
        "--hidden",
        type=int,
        default=50,
        metavar="H",
        help="units of an MLP's hidden layer",
    )
    add(
        "--noise",
        type=float,
        default=0.0,
        metavar="SCALE",
        help="standard deviation of the noise of a regression; 0 infers it",
    )


def _add_inference(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--steps",
        type=int,
        default=2000,
        metavar="T",
        help="gradient steps of SVI and Laplace",
    )
    add(
        "--lr",
        type=float,
        default=1e-2,
        metavar="RATE",
        help="learning rate; SVI decreases it to zero as a cosine",
    )
    add(
        "--batch-size",
        type=int,
        default=argparse.SUPPRESS,
        metavar="B",
        help=f"data in a batch; by default all, or {_BATCH_SIZE} if there are more than {_MANY}",
    )
    add("--chains", type=int, default=2, metavar="C", help="chains of a sampler")
    add("--warmup", type=int, default=300, metavar="W", help="warm-up draws per chain")
    add(
        "--draws",
        type=int,
        default=300,
        metavar="S",
        help="draws kept of each chain of a sampler",
    )
    add(
        "--num-samples",
        type=int,
        default=50,
        metavar="S",
        help="draws for the predictions",
    )


def run(arguments: argparse.Namespace) -> None:
    """Fit, score, and write the three files."""
    import matplotlib

    matplotlib.use("Agg")  # the figure goes to a file
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
    if batch_size is None and len(data.train.x) > _MANY:
        batch_size = _BATCH_SIZE
    posterior = engine.fit(data.train, **accepted(engine.fit, batch_size=batch_size))
    if isinstance(posterior.info, MCMCInfo):
        print(f"chains: {_judgement(posterior, data)}")
    _write(arguments, data, model, posterior)


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
) -> None:
    """Score a posterior on the test part and write the three files."""
    num_samples = posterior.num_available(arguments.num_samples)
    prediction = posterior.predict(data.test.x, num_samples)
    scores = accuracy_scores(prediction, data.test.y, data)

    arguments.out.mkdir(parents=True, exist_ok=True)
    posterior_path = arguments.out / "posterior.safetensors"
    posterior.save(posterior_path)

    facts = {
        "scores": scores,
        "run": info_values(posterior.info),
        "data": repr(data),
        "prior": repr(model.prior),
        "likelihood": repr(model.likelihood),
        "settings": settings(arguments),
        **about(arguments.device),
    }
    results_path = arguments.out / "results.json"
    results_path.write_text(json.dumps(facts, indent=2) + "\n")

    figure_path = arguments.out / "fit.png"
    draw_fit(posterior, prediction, data).savefig(figure_path, dpi=150)

    shown = ", ".join(f"{name} {value:.4g}" for name, value in scores.items())
    print(f"{shown} in {posterior.info.seconds:.1f} s")
    print(f"written: {posterior_path}, {results_path}, {figure_path}")


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
    }
    if accepted(engine_class, lr=arguments.lr):
        # num_steps counts gradient steps in such an engine, leapfrog steps in a sampler
        options |= {"num_steps": arguments.steps, "lr": arguments.lr}
    options = accepted(engine_class, **options)
    options |= {"progress": not arguments.no_progress, **chosen}

    model = build(PRIORS[arguments.prior or default_prior]())
    return model, engine_class(model, **options)


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

    decay = partial(torch.optim.lr_scheduler.CosineAnnealingLR, T_max=arguments.steps)
    options = {"num_steps": arguments.steps, "lr": arguments.lr, "scheduler": decay}
    model, guide = make_guide(
        arguments.guide, guide_options, arguments.prior, default_prior, build
    )
    return model, inference.SVI(model, guide, **options | engine_options)
