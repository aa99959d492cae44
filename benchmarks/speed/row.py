"""A row of the table of speed: what was compared, the ratio, and what was to be reached."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

Facts = dict[str, float | str]
Choice = TypeVar("Choice", float, str)


@dataclass(frozen=True)
class Target:
    """What a ratio is held to: at most, or at least, a floor that must be reached, if there is one, and a goal."""

    floor: float | None
    goal: float
    at_most: bool = True

    def reached(self, ratio: float | None, bound: float | None) -> str:
        """Say whether a bound was reached: "yes", "no", or "" where there is nothing to say."""
        if ratio is None or bound is None or math.isnan(ratio):
            return ""
        return "yes" if (ratio <= bound if self.at_most else ratio >= bound) else "no"

    def words(self, bound: float | None) -> str:
        """Write a bound with its sign."""
        return "" if bound is None else f"{'≤' if self.at_most else '≥'} {bound:g}"


@dataclass
class Row:
    """One line.

    Arguments:
        work: What both sides did.
        compared: What was divided by what.
        ratio: The ratio, None where it was not measured.
        target: What it is held to, None where the row stands for itself.
        facts: Both sides' own numbers, with their units in their names.
        note: What else there is to say, in sentences.
    """

    work: str
    compared: str
    ratio: float | None
    target: Target | None = None
    facts: Facts = field(default_factory=dict)
    note: str = ""

    def cells(self) -> tuple[str, ...]:
        """Return the row as the words of a table."""
        ratio = "-" if self.ratio is None else f"{self.ratio:.3g}"
        if self.target is None:
            return self.work, self.compared, ratio, "", "", "", ""
        bounds = (self.target.floor, self.target.goal)
        words = [
            part
            for bound in bounds
            for part in (
                self.target.words(bound),
                self.target.reached(self.ratio, bound),
            )
        ]
        return self.work, self.compared, ratio, *words


COLUMNS = ("work", "compared", "ratio", "floor", "reached", "goal", "goal reached")


@dataclass(frozen=True)
class Settings:
    """How long to measure, and where.

    Arguments:
        quick: Whether every row is to be there in minutes.
        threads: Threads of both sides.
        device: The device of both sides.
        figure: Where the picture of the cost goes, None for nowhere.
    """

    quick: bool = False
    threads: int = 1
    device: str = "cpu"
    figure: Path | None = None

    def pick(self, quick: Choice, full: Choice) -> Choice:
        """Return the first when in a hurry, else the second."""
        return quick if self.quick else full


def missing(work: str, compared: str, library: str) -> Row:
    """Return the row of a peer that is not installed."""
    return Row(
        work,
        compared,
        None,
        note=f"{library} is not installed: write pip install 'bnn-zoo[peers]'.",
    )
