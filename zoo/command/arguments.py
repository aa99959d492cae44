"""The types of command-line arguments, and the arguments that commands share."""

from __future__ import annotations

import argparse
import ast
import difflib
import math
from collections.abc import Callable, Iterable
from pathlib import Path

import torch


class HelpWithDefaults(argparse.HelpFormatter):
    """A help that shows the default of each argument that has one."""

    def _get_help_string(self, action: argparse.Action) -> str:
        text = action.help or ""
        default = action.default
        if isinstance(default, list):
            default = ",".join(default)
        if default is None or default is False or default in ("", argparse.SUPPRESS):
            return text
        return f"{text} (default: {default})"


def one_of(names: Iterable[str], kind: str) -> Callable[[str], str]:
    """Return a type of argument that takes one of some names.

    Arguments:
        names: The names, upper and lower case alike.
        kind: What they name, for the error message.
    """
    known = {name.lower(): name for name in names}

    def check(text: str) -> str:
        name = text.strip().lower()
        if name in known:
            return known[name]
        nearest = known[difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]]
        raise argparse.ArgumentTypeError(
            f"there is no {kind} {text!r}; the nearest is {nearest!r} "
            f"(all: {', '.join(known.values())})"
        )

    return check


def several_of(names: Iterable[str], kind: str) -> Callable[[str], list[str]]:
    """Return a type of argument that takes names with commas between them."""
    check = one_of(names, kind)
    return lambda text: [check(name) for name in text.split(",")]


def device(text: str) -> str:
    """Read the name of a device on which this PyTorch can compute."""
    try:
        kind = torch.device(text).type
    except RuntimeError:
        kind = ""
    if kind not in ("cpu", "cuda"):
        raise argparse.ArgumentTypeError(
            f"there is no device {text!r}; give cpu, or cuda for a GPU"
        )
    if kind == "cuda" and not torch.cuda.is_available():
        raise argparse.ArgumentTypeError(
            f"there is no device {text!r}, because this PyTorch finds no GPU; give cpu"
        )
    return text


def setting(text: str) -> tuple[str, object]:
    """Read NAME=VALUE, with a value as Python writes it; any other value is text."""
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"write --set NAME=VALUE, not --set {text}")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


def count(text: str) -> int:
    """Read a number that is at least 1."""
    return _at_least(1, text)


def count_or_none(text: str) -> int:
    """Read a number that is at least 0."""
    return _at_least(0, text)


def _at_least(minimum: int, text: str) -> int:
    """Read a whole number that is not below a minimum."""
    try:
        value = int(text)
    except ValueError:
        value = minimum - 1

    if value < minimum:
        raise argparse.ArgumentTypeError(
            f"it must be a whole number, at least {minimum}, not {text!r}"
        )
    return value


def minutes(text: str) -> float:
    """Read a number of minutes, or `full`, which is infinity."""
    if text == "full":
        return math.inf
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"a budget must be a number of minutes or 'full', not {text!r}"
        ) from None


def duration(text: str) -> float:
    """Read a time as schedulers write it, and return seconds.

    M, M:S, H:M:S, D-H, D-H:M and D-H:M:S are days, hours, minutes and seconds.
    """
    days, dash, rest = text.rpartition("-")
    parts = rest.split(":")
    is_number = all(part.isdecimal() for part in parts) and len(parts) <= 3
    if not is_number or (dash and not days.isdecimal()):
        raise argparse.ArgumentTypeError(
            f"a time is written as 90 (minutes), 23:50:00 or 1-12:00:00, not {text!r}"
        )

    numbers = [int(part) for part in parts]
    if dash:
        hours, minute, second = [*numbers, 0, 0][:3]
    elif len(numbers) == 3:
        hours, minute, second = numbers
    else:
        hours, minute, second = 0, *[*numbers, 0][:2]

    total = ((int(days or 0) * 24 + hours) * 60 + minute) * 60 + second
    if total == 0:
        raise argparse.ArgumentTypeError(f"a time must be above 0, not {text!r}")

    return float(total)


def folder(text: str) -> Path:
    """Return the path of a folder; an empty one would be the present folder."""
    if not text:
        raise argparse.ArgumentTypeError(
            "'' is not the name of a folder; write . for the present one"
        )

    return Path(text)


def add_common(parser: argparse.ArgumentParser, out: Path, contents: str) -> None:
    """Add the arguments that every command with a computation has.

    Arguments:
        parser: The command's parser.
        out: Default of `--out`.
        contents: What is written to that folder, for the help.
    """
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of all random numbers"
    )
    parser.add_argument(
        "--device",
        type=device,
        default="cpu",
        help="where to compute: cpu, or cuda for a GPU",
    )
    parser.add_argument(
        "--out",
        type=folder,
        default=out,
        metavar="FOLDER",
        help=f"where to write {contents}",
    )
    parser.add_argument("--no-progress", action="store_true", help="no progress bars")
