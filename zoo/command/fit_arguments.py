"""The arguments of `zoo fit`: names to combine, data, and inference."""

from __future__ import annotations

import argparse
from pathlib import Path

from zoo.command import arguments as types
from zoo.command.choices import CSV, DATA, ENGINES, FROM_PATH, GUIDES, NETWORKS, PRIORS
from zoo.command.csv_table import add_file_arguments

MANY = 2000  # with more data than this a fit takes batches by default
BATCH_SIZE = 128
_OPTIONAL = (
    "network",
    "prior",
    "path",
    "num_train",
    "batch_size",
    "target",
    "task",
    "checkpoint",
    "time_limit",
)


def add_fit_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.formatter_class = types.HelpWithDefaults
    parser.description = (
        "Infer the posterior of one network on one data set, score it on the test part, and write "
        "posterior.safetensors (zoo.load reads it), results.json and fit.png."
    )
    _add_choices(parser)
    add_file_arguments(parser)
    _add_data(parser)
    _add_steps(parser)
    _add_draws(parser)
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
        type=types.count,
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
        type=types.count,
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


def _add_steps(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--steps",
        type=types.count,
        metavar="T",
        help="gradient steps; by default those of the engine",
    )
    add(
        "--lr",
        type=float,
        metavar="RATE",
        help="learning rate; by default that of the engine",
    )
    add(
        "--batch-size",
        type=types.count,
        default=argparse.SUPPRESS,
        metavar="B",
        help=f"data in a batch; by default all, or {BATCH_SIZE} if there are more than {MANY}",
    )


def _add_draws(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--chains", type=types.count, default=2, metavar="C", help="chains of a sampler"
    )
    add(
        "--warmup",
        type=types.count_or_none,
        default=300,
        metavar="W",
        help="warm-up draws per chain",
    )
    add(
        "--draws",
        type=types.count,
        default=300,
        metavar="S",
        help="draws kept of each chain of a sampler",
    )
    add(
        "--checkpoint",
        default=argparse.SUPPRESS,
        metavar="PATH",
        help="a file from which an interrupted run goes on; a folder, or a name without "
        "ending, keeps the draws of a sampler out of memory",
    )
    add(
        "--time-limit",
        type=types.duration,
        default=argparse.SUPPRESS,
        metavar="TIME",
        help="end SVI or a sampler after M minutes, H:M:S or D-H:M:S, with what was "
        "reached; the same command goes on, if there is a --checkpoint",
    )
    add(
        "--num-samples",
        type=types.count,
        default=50,
        metavar="S",
        help="draws for the predictions",
    )
