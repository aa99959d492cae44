"""`python -m zoo reference`: make a reference posterior, with the evidence, or show the evidence of those there are."""

from __future__ import annotations

import argparse
from pathlib import Path

from zoo import references
from zoo.command.names import REFERENCES, one_of
from zoo.references.evidence import is_converged
from zoo.references.reference import FOLDER


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    reference = commands.add_parser(
        "reference",
        help="run two samplers until they agree on a posterior, and print the evidence",
        description="Make a reference posterior: runs of two samplers of different kind, the evidence that they agree, "
        "and a file of function values that zoo.fidelity compares guides with. Where a file is shipped, --show prints "
        f"its evidence. References: {', '.join(REFERENCES)}.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    argument = reference.add_argument
    argument(
        "name",
        type=one_of(REFERENCES, "reference"),
        metavar="NAME",
        help=", ".join(REFERENCES),
    )
    argument(
        "--show",
        action="store_true",
        help="print the evidence of the file that is there, and run nothing",
    )
    argument("--seed", type=int, default=0, help="seed of everything random")
    argument(
        "--out",
        type=Path,
        default=FOLDER,
        metavar="FOLDER",
        help="where NAME.safetensors goes",
    )
    reference.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Make a reference, or read it, and print the evidence."""
    problem = REFERENCES[arguments.name]()
    path = arguments.out / f"{problem.name}.safetensors"
    if arguments.show:
        reference = references.load(problem, path)
    else:
        print(f"{problem.data!r}\n{problem.model.summary()}\n", flush=True)
        reference = references.make(problem, arguments.seed)
        reference.save(path)
    print(f"\n{reference!r}\n{reference.table}\n")
    good = (
        "the evidence is enough to ship it"
        if is_converged(reference.evidence)
        else "the evidence is NOT enough to ship it"
    )
    print(
        f"{good}: R-hat of 99 % of the function values below 1.02, and of none above 1.05, in every run and between"
    )
    print(f"{'read' if arguments.show else 'written'}: {path}")
