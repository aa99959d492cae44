"""`zoo hub`: list the posteriors of a hub, or make one of the package again."""

from __future__ import annotations

import argparse
from pathlib import Path

from zoo.command.arguments import folder
from zoo.hub.entry import CARD, PACKAGED, POSTERIOR
from zoo.hub.index import entries_in, read_index
from zoo.hub.making import made_names, make
from zoo.runtime.files.output_path import check_output_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "List the posteriors of a hub: their names, the size of their files and what they are. "
        "With --make one of the package is fitted again and its entry written."
    )
    add = parser.add_argument
    add(
        "--hub",
        type=folder,
        default=PACKAGED,
        metavar="FOLDER",
        help="the hub; by default the package's",
    )
    add("--make", metavar="NAME", help=f"fit one of: {', '.join(made_names())}")
    add(
        "--path", type=folder, metavar="FOLDER", help="data that are not in the package"
    )
    add("--seed", type=int, default=0, help="seed of all random numbers of --make")


def run(arguments: argparse.Namespace) -> None:
    """List, or make an entry."""
    if arguments.make is not None:
        check_output_folder(arguments.hub, "--hub")
        entry = make(arguments.make, arguments.hub, arguments.path, arguments.seed)
        print(f"written: {entry}")
        return

    facts = read_index(arguments.hub)
    names = entries_in(facts)
    width = max(map(len, names), default=0)
    for name in names:
        fact = facts.get(f"{name}/{POSTERIOR}")
        size = "-" if fact is None else f"{fact.size / 1e6:.2f} MB"
        print(f"{name:{width}}  {size:>8}  {_sentence(arguments.hub / name / CARD)}")


def _sentence(card: Path) -> str:
    """Return the first sentence below the title of a card."""
    _, _, text = card.read_text(encoding="utf-8").partition("\n# ")
    _, _, text = text.partition("\n\n")
    first, _, _ = text.partition("\n\n")
    sentence, _, _ = " ".join(first.split()).partition(". ")

    return sentence.rstrip(".")
