"""`zoo reference`: the evidence of a reference posterior, read from a file or sampled anew."""

from __future__ import annotations

import argparse
from pathlib import Path

from zoo import references
from zoo.command.arguments import one_of
from zoo.command.choices import REFERENCES
from zoo.references.evidence import is_converged
from zoo.references.reference import FOLDER

_CRITERION = (
    "R-hat must be below 1.02 for 99 % of the function values and at most 1.05 for all, "
    "in every run and between the runs"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.formatter_class = argparse.ArgumentDefaultsHelpFormatter
    parser.description = (
        "Make a reference posterior: runs of two samplers of different kind, the evidence that "
        "they agree, and a file of function values that zoo.fidelity compares guides with. "
        "With --show the evidence of a file is printed and nothing is sampled."
    )
    names = ", ".join(REFERENCES)
    add = parser.add_argument
    add("name", type=one_of(REFERENCES, "reference"), metavar="NAME", help=names)
    add(
        "--show",
        action="store_true",
        help="print the evidence in the file; sample nothing",
    )
    add("--seed", type=int, default=0, help="seed of all random numbers")
    add(
        "--out",
        type=Path,
        default=FOLDER,
        metavar="FOLDER",
        help="folder of the file NAME.safetensors",
    )


def run(arguments: argparse.Namespace) -> None:
    """Sample a reference, or read it, and print the evidence."""
    problem = REFERENCES[arguments.name]()
    path = arguments.out / f"{problem.name}.safetensors"
    if arguments.show:
        reference = references.load(problem, path)
    else:
        print(f"{problem.data!r}\n{problem.model.summary()}\n", flush=True)
        reference = references.make(problem, arguments.seed)
        reference.save(path)

    print(f"\n{reference!r}\n{reference.table}\n")
    verdict = "converged" if is_converged(reference.evidence) else "NOT converged"
    print(f"{verdict}: {_CRITERION}")
    print(f"{'read' if arguments.show else 'written'}: {path}")
