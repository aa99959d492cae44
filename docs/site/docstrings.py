"""Docstrings as reStructuredText, where they are written for people who read the source."""

from __future__ import annotations

import inspect
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_BEFORE_NAPOLEON = 400
_SECTION = re.compile(r"([A-Z]\w+):$")
_CODE = re.compile(r"(`[^`]*`)")
_BLOCKS = ("Example", "Examples")
_PEERS = Path(__file__).resolve().parents[1] / "peers.md"


def setup(app: Sphinx) -> dict[str, bool]:
    """Convert docstrings before napoleon reads their sections, and name all arguments."""
    app.connect("autodoc-process-docstring", _process, priority=_BEFORE_NAPOLEON)
    app.connect("autodoc-process-signature", _signature)

    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _process(
    _app: Sphinx,
    _kind: str,
    name: str,
    _member: object,
    _options: object,
    lines: list[str],
) -> None:
    """Convert the lines of a docstring in place, and add the names in other libraries."""
    lines[:] = converted(lines)
    elsewhere = peers().get(name.removeprefix("zoo."))
    if elsewhere:
        text = elsewhere.replace("`", "``")
        lines += ["", ".. rubric:: In other libraries", "", text]


def _signature(
    _app: Sphinx,
    kind: str,
    _name: str,
    member: object,
    _options: object,
    signature: str | None,
    returned: str | None,
) -> tuple[str | None, str | None] | None:
    """Return the arguments of a class that checks their names in `__new__`, which hides them."""
    if kind != "class" or signature != "(*args, **kwargs)":
        return None

    named = signature_of(member)

    return (named, returned) if named else None


def signature_of(member: object) -> str:
    """Return the arguments of a class with their default values, as a line of source."""
    try:
        signature = inspect.signature(member)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return ""

    bare = []
    for parameter in signature.parameters.values():
        bare.append(parameter.replace(annotation=inspect.Parameter.empty))

    return str(inspect.Signature(bare))


@cache
def peers() -> dict[str, str]:
    """Return what public names are called in other libraries, from the table of the page."""
    found = {}
    for line in _PEERS.read_text(encoding="utf-8").splitlines():
        row = re.match(r"\| `([\w.]+)` \| (.+) \|$", line)
        if row:
            found[row[1].removeprefix("zoo.")] = row[2]

    return found


def converted(lines: list[str]) -> list[str]:
    """Return a docstring whose references are a list, and whose bars and underscores are text.

    Arguments:
        lines: Lines of a docstring without its indentation.
    """
    found: list[str] = []
    section = ""
    directive = None  # the indentation of a directive such as `.. math::`

    for line in lines:
        indent = len(line) - len(line.lstrip())
        title = _SECTION.match(line)
        if title:
            section = title[1]
        elif line and indent == 0:
            section = ""

        if directive is not None and line and indent <= directive:
            directive = None
        if line.lstrip().startswith(".. "):
            directive = indent

        is_code = section in _BLOCKS or line.lstrip().startswith(">>>")
        if title or is_code or directive is not None:
            found.append(line)
        elif section == "References" and line:
            found.append(_reference(_escaped(line), found))
        else:
            found.append(_escaped(line))

    return found


def _reference(line: str, before: list[str]) -> str:
    """Return a line of references; a work ends with its authors and year in parentheses."""
    last = before[-1].rstrip() if before else ""
    is_first = last.endswith((":", ")", ").")) or not last
    bullet = "* " if is_first else "  "

    return f"    {bullet}{line.strip()}"


def _escaped(line: str) -> str:
    """Return a line in which only text in backticks is markup."""
    parts = _CODE.split(line)
    for index, part in enumerate(parts):
        if index % 2 == 0:
            part = re.sub(r"([|*])", r"\\\1", part)
            parts[index] = re.sub(r"(?<=\w)_(?!\w)", r"\\_", part)

    return "".join(parts)
