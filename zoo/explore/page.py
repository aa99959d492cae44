"""The page: one HTML file that holds its data, its style and its script."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

_SCRIPTS = ("page.js", "scores.js", "functions.js", "plane.js", "pruning.js")


def page(data: Mapping[str, Any]) -> str:
    """Return the text of a page that needs nothing else, neither a server nor a network.

    References:
        What Are Bayesian Neural Network Posteriors Really Like? (Izmailov, Vikram,
        Hoffman, Wilson, 2021)

    Arguments:
        data: The views by name, "functions", "plane" and "pruning", of which some may be
            missing; and "about", what the page says of its making.

    Example:
        >>> from zoo.explore import page
        >>> page({"about": {}}).startswith("<!doctype html>")
        True
    """
    text = _template("page.html")
    script = "\n".join(_template(name) for name in _SCRIPTS)
    parts = {
        "/* STYLE */": _template("page.css"),
        "/* DATA */": _as_script(data),
        "/* SCRIPT */": script,
    }
    for place, part in parts.items():
        before, after = text.split(place)
        text = before + part + after

    return text


def _template(name: str) -> str:
    """Read a file of this package."""
    path = files("zoo.explore") / "template" / name

    return path.read_text(encoding="utf-8")


def _as_script(data: Mapping[str, Any]) -> str:
    """Return data as JSON that may stand inside a script element."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))

    return text.replace("</", "<\\/")
