"""`zoo list`: what can be combined, with one sentence and a reference each."""

from __future__ import annotations

import argparse
import inspect
import shutil
import textwrap
from types import ModuleType

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
_NOT_LISTED = {  # interfaces and parts of members
    "Dataset",
    "EarlyStopping",
    "Engine",
    "Guide",
    "Likelihood",
    "Prior",
    "Split",
    "Units",
}
_INDENT = 26


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "List networks, priors, likelihoods, guides, engines and data sets."
    )
    parser.add_argument(
        "--markdown", action="store_true", help="print the page docs/menus.md instead"
    )


def run(arguments: argparse.Namespace) -> None:
    """Print the menus as text or as Markdown."""
    if arguments.markdown:
        print(markdown(), end="")
    else:
        _print_text()


def markdown() -> str:
    """Return the page of menus: a table for each, one row a member."""
    lines = ["# Menus", "", "Written by `zoo list --markdown` from the docstrings."]
    for title, module in MENUS.items():
        lines += ["", f"## {title.capitalize()}", ""]
        lines += [f"| `{module.__name__}` | what it is | reference |", "|---|---|---|"]
        for name, member in _members(module).items():
            sentence, reference = _described(member)
            lines.append(f"| `{name}` | {_cell(sentence)} | {_cell(reference)} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """Escape what Markdown would take for the end of a cell."""
    return text.replace("|", "\\|")


def _print_text() -> None:
    """Print the menus for a terminal."""
    width = shutil.get_terminal_size((100, 24)).columns - _INDENT
    for title, module in MENUS.items():
        print(title)
        for name, member in _members(module).items():
            sentence, reference = _described(member)
            lines = textwrap.wrap(sentence, width)
            if reference:
                lines += textwrap.wrap(f"-- {reference}", width)
            for index, line in enumerate(lines):
                label = name if index == 0 else ""
                print(f"  {label:22s}  {line}")
        print()


def _members(module: ModuleType) -> dict[str, object]:
    """Return the members of a menu by name; a module in it gives its own."""
    found = {}
    for name in module.__all__:
        member = getattr(module, name)
        if inspect.ismodule(member):
            for own in member.__all__:
                if own.islower():
                    found[f"{name}.{own}"] = getattr(member, own)
        elif name not in _NOT_LISTED:
            found[name] = member
    return found


def _described(member: object) -> tuple[str, str]:
    """Return the first sentence of a docstring and its first reference."""
    text = inspect.getdoc(member) or ""
    sentence = " ".join(text.split("\n\n")[0].split())
    section = text.partition("References:")[2].split("\n\n")[0]
    references = " ".join(section.split())
    first, bracket, _ = references.partition(")")
    return sentence, first + bracket
