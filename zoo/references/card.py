"""The card of a reference: what it is of, where its data are from, and how it is known."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable

from zoo.references.how_made import samplers_of
from zoo.references.loading import load
from zoo.references.names import PROBLEMS, problem_of
from zoo.references.problem import Problem
from zoo.references.reference import Reference, default_path
from zoo.reports.table import Table

_NO_FILE = "none: its samplers do not agree yet, and its file does not ship"
_NOT_RECORDED = "not recorded, version 0.8 of the zoo or earlier"


def card(reference: str | Callable[[], Problem] | Problem | Reference) -> str:
    """Return the card of a reference as Markdown text.

    It says what the model, the prior and the data are, with source and licence; the
    samplers with their options; the evidence that they agree; versions and the command
    that makes the file.

    Arguments:
        reference: A reference, or its name or problem as in `references.load`.

    Raises:
        ValueError: There is no reference of this name.

    Example:
        >>> from zoo import references
        >>> print(references.card("sinusoid")[:10])
        # sinusoid
    """
    known: Reference | None = None
    if isinstance(reference, Reference):
        known = reference
        problem = reference.problem
    else:
        problem = problem_of(reference)
        if default_path(problem.name).is_file():
            known = load(problem)

    parts = [f"# {problem.name}", description_of(problem)]
    if problem.label:
        parts.append(f"**{problem.label}**")

    parts.append(_facts(problem, known))
    parts += ["## Evidence", _NO_FILE if known is None else _markdown(known.table)]
    parts += ["## How it is made", _how_made(problem, known)]
    return "\n\n".join(parts) + "\n"


def description_of(problem: Problem) -> str:
    """Return the text and the references in the docstring of the function of a problem."""
    make = PROBLEMS.get(problem.name)
    text = inspect.getdoc(make) or "" if make is not None else ""
    text = re.sub(r"\.\. math:: *(.+?)(?=\n\n|\Z)", _equation, text, flags=re.DOTALL)
    text, _, references = text.partition("References:\n")
    if not references:
        return text.strip()

    return f"{text.strip()}\n\nReferences:\n\n{_listed(references)}"


def _equation(match: re.Match[str]) -> str:
    """Return an equation between double dollars, on one line."""
    return f"$${' '.join(match[1].split())}$$"


def _listed(references: str) -> str:
    """Return references as a list; one ends with a year, or with what follows it."""
    words = " ".join(references.split())
    entries = re.sub(r"(\d{4}\)[^()]*?) (?=['A-Z])", r"\1\n", words)
    return "\n".join(f"- {entry}" for entry in entries.split("\n"))


def _facts(problem: Problem, known: Reference | None) -> str:
    """Return the model, the data and the inputs as a table."""
    model = problem.model
    size = sum(prior.shape().numel() for prior in model.latents.values())
    num_away = int(problem.away.sum())
    rows = {
        "version": str(problem.version),
        "network": " ".join(repr(model.network).split()),
        "prior": repr(model.prior),
        "likelihood": repr(model.likelihood),
        "random numbers": str(size),
        "data": repr(problem.data),
        "source and licence": problem.source or "not stated",
        "inputs": f"{len(problem.inputs)}, of which {num_away} lie away from the data",
    }
    if problem.log_evidence is not None:
        rows["log evidence"] = f"{problem.log_evidence:.6g} nats, exact"
    if known is not None:
        rows["file"] = repr(known)

    lines = ["| | |", "|---|---|"]
    for name, text in rows.items():
        cell = text.replace("|", "\\|")
        lines.append(f"| {name} | {cell} |")

    return "\n".join(lines)


def _markdown(table: Table) -> str:
    """Return a table of evidence in Markdown; a missing cell is a dash."""
    lines = [f"| {' | '.join(table.columns)} |", "|---" * len(table.columns) + "|"]
    for row in table.rows:
        cells = ["-" if cell is None else str(cell) for cell in row]
        lines.append(f"| {' | '.join(cells)} |")

    return "\n".join(lines)


def _how_made(problem: Problem, known: Reference | None) -> str:
    """Return the command, the samplers and the versions as a list."""
    made = {} if known is None else known.made
    command = made.get("command", f"python -m zoo reference {problem.name}")
    lines = [f"- command: `{command}`"]

    samplers = made.get("samplers") or samplers_of(problem)
    for name, text in samplers.items():
        lines.append(f"- {name}: `{text}`")

    versions = []
    for name, version in made.get("versions", {}).items():
        versions.append(f"{name} {version}")
    lines.append(f"- versions: {', '.join(versions) or _NOT_RECORDED}")

    return "\n".join(lines)
