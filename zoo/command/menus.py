"""`python -m zoo list`: what can be put together, and from where it comes."""

from __future__ import annotations

import argparse
import inspect
import shutil
import textwrap

import guides
from zoo import datasets, inference, likelihoods, networks, priors

MENUS = {
    "networks": networks,
    "priors": priors,
    "likelihoods": likelihoods,
    "guides": guides,
    "engines": inference,
    "data sets": datasets,
}
LEFT_OUT = {
    "Dataset",
    "Split",
    "Units",
    "EarlyStopping",
}  # parts of members, no members


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    menus = commands.add_parser(
        "list", help="print the menus, one sentence and a reference each"
    )
    menus.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print the menus: one sentence and a reference each."""
    width = shutil.get_terminal_size((100, 24)).columns
    for title, folder in MENUS.items():
        print(title)
        for name, member in members(folder):
            sentence, reference = described(member)
            lines = textwrap.wrap(sentence, width - 26)
            lines += textwrap.wrap(f"-- {reference}", width - 26) if reference else []
            for index, line in enumerate(lines):
                print(f"  {name if index == 0 else '':22s}  {line}")
        print()


def members(folder: object) -> list[tuple[str, object]]:
    """Return the members of a menu by name; a module among them gives its own."""
    found = []
    for name in folder.__all__:
        member = getattr(folder, name)
        if inspect.ismodule(member):
            found += [
                (f"{name}.{own}", getattr(member, own))
                for own in member.__all__
                if own.islower()
            ]
        elif name not in LEFT_OUT:
            found.append((name, member))
    return found


def described(member: object) -> tuple[str, str]:
    """Return the first sentence of a docstring, and its first reference in short."""
    text = inspect.getdoc(member) or ""
    sentence = " ".join(text.split("\n\n")[0].split())
    reference = text.partition("References:")[2].split("\n\n")[0]
    lines = " ".join(reference.split())
    return sentence, lines[: lines.index(")") + 1] if ")" in lines else lines
