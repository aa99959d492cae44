"""The arguments of `zoo compare`."""

from __future__ import annotations

import argparse
from pathlib import Path

from zoo.command.arguments import (
    HelpWithDefaults,
    add_common,
    count,
    count_or_none,
    one_of,
    several_of,
)
from zoo.command.choices import GUIDES, REFERENCES
from zoo.datasets.uci import EMBEDDED
from zoo.inference.svi.options import DEFAULT_NUM_STEPS, SVIOptions
from zoo.references.reference import FOLDER

DEFAULT_GUIDES = ["Delta", "MeanField", "LocalReparam", "MCDropout", "NodeMixture"]
# gradient steps and their rate, beside NUTS and with a reference, where they are those of SVI:
# 1500 steps at 0.08 end in a lower bound than 3000 at 0.02 on yacht and energy, and in about
# the same on concrete
NUM_STEPS = {"NUTS": 1500, "reference": DEFAULT_NUM_STEPS}
RATES = {"NUTS": 8e-2, "reference": SVIOptions.lr}


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
    return (
        f"{values['NUTS']:g} beside NUTS and {values['reference']:g} with --reference"
    )


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


def fill_in(arguments: argparse.Namespace) -> None:
    """Give steps and their rate a value where the command line has none."""
    truth = "reference" if arguments.reference else "NUTS"
    if arguments.steps is None:
        arguments.steps = NUM_STEPS[truth]
    if arguments.lr is None:
        arguments.lr = RATES[truth]
