"""`zoo reference`: show how well a reference posterior is known, or sample it again."""

from __future__ import annotations

import argparse

from zoo import references
from zoo.command.arguments import HelpWithDefaults, folder, one_of
from zoo.command.choices import REFERENCES
from zoo.references.evidence import is_converged
from zoo.references.make import checkpoints
from zoo.references.reference import FOLDER
from zoo.runtime.files.output_path import check_output_folder, check_output_path

CRITERION = (
    "R-hat of 99 % of the function values below 1.02, and of none above 1.05, "
    "in every run and between them"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.formatter_class = HelpWithDefaults
    parser.description = (
        "Make a reference posterior: run two samplers of different kinds, print the evidence "
        "that they agree, and write a file of function values, with which zoo.fidelity compares "
        "guides. A command that was ended continues where it stopped. With --show the "
        "evidence in a file is printed and nothing is sampled."
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
        type=folder,
        default=FOLDER,
        metavar="FOLDER",
        help="folder with the file NAME.safetensors",
    )


def run(arguments: argparse.Namespace) -> None:
    """Sample a reference, or read it, and print the evidence."""
    problem = REFERENCES[arguments.name]()
    path = arguments.out / f"{problem.name}.safetensors"
    if arguments.show:
        reference = references.load(problem, path)
    else:
        check_output_folder(arguments.out, "--out")
        check_output_path(path, "reference")
        print(f"{problem.data!r}\n{problem.model.summary()}\n", flush=True)
        reference = references.make(problem, arguments.seed, folder=arguments.out)
        reference.save(path)
        for file in checkpoints(problem, arguments.seed, arguments.out).values():
            file.unlink(missing_ok=True)

    print(f"\n{reference!r}\n{reference.table}\n")
    agree = "agree" if is_converged(reference.evidence) else "do NOT agree"
    print(f"the samplers {agree}; the criterion is {CRITERION}")
    print(f"{'read' if arguments.show else 'written'}: {path}")
