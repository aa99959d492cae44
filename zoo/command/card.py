"""`zoo card`: print or write the card of a posterior of a hub."""

from __future__ import annotations

import argparse
from pathlib import Path

from zoo import hub
from zoo.command.arguments import folder
from zoo.runtime.files.atomic import write_text
from zoo.runtime.files.output_path import check_output_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "Print the card of a posterior: model, prior, guide, data with their licence, command, "
        "evidence, scores with standard errors, and what it gets wrong. `zoo hub` lists names."
    )
    add = parser.add_argument
    add("name", metavar="NAME", help="name of an entry, or OWNER/NAME of Hugging Face")
    add("--path", type=folder, metavar="FOLDER", help="a hub; by default the package's")
    add("--out", type=Path, metavar="FILE", help="write the card there instead")


def run(arguments: argparse.Namespace) -> None:
    """Print the card, or write it."""
    if arguments.out is not None:
        check_output_path(arguments.out, "card")

    text = hub.card(arguments.name, arguments.path)
    if arguments.out is None:
        print(text, end="")
        return

    write_text(arguments.out, text)
    print(f"written: {arguments.out}")
