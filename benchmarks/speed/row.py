"""A row of the table of speed: what was compared, the ratio, and its target."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

Facts = dict[str, float | str]
Choice = TypeVar("Choice", float, str)


@dataclass(frozen=True)
class Target:
    """The bounds of a ratio.

    Arguments:
        floor: A bound that must be reached; None if there is none.
        goal: A bound that is desired.
        at_most: Whether the ratio is to be at most a bound; else at least.
    """

    floor: float | None
    goal: float
    at_most: bool = True

    def reached(self, ratio: float | None, bound: float | None) -> str:
        """Return whether a ratio reaches a bound: "yes", "no", or "" without a ratio or bound."""
        if ratio is None or bound is None or math.isnan(ratio):
            return ""

        is_reached = ratio <= bound if self.at_most else ratio >= bound
        return "yes" if is_reached else "no"

    def words(self, bound: float | None) -> str:
        """Return a bound with its sign."""
        if bound is None:
            return ""

        sign = "≤" if self.at_most else "≥"
        return f"{sign} {bound:g}"


@dataclass
class Row:
    """One row.

    Arguments:
        work: What both sides did.
        compared: What was divided by what.
        ratio: The ratio; None if it was not measured.
        target: Its bounds; None for a row without a target.
        facts: The measurements of both sides, with their units in their names.
        note: Further information, in sentences.
    """

    work: str
    compared: str
    ratio: float | None
    target: Target | None = None
    facts: Facts = field(default_factory=dict)
    note: str = ""

    def cells(self) -> tuple[str, ...]:
        """Return the cells of the row."""
        ratio = "-" if self.ratio is None else f"{self.ratio:.3g}"
        target = self.target
        if target is None:
            return self.work, self.compared, ratio, "", "", "", ""

        return (
            self.work,
            self.compared,
            ratio,
            target.words(target.floor),
            target.reached(self.ratio, target.floor),
            target.words(target.goal),
            target.reached(self.ratio, target.goal),
        )


COLUMNS = ("work", "compared", "ratio", "floor", "reached", "goal", "goal reached")


@dataclass(frozen=True)
class Settings:
    """How long to measure, and where.

    Arguments:
        quick: Whether to measure every row in minutes.
        threads: Threads of both sides.
        device: The device of both sides.
        figure: File for the figure of the cost; None for no figure.
    """

    quick: bool = False
    threads: int = 1
    device: str = "cpu"
    figure: Path | None = None

    def pick(self, quick: Choice, full: Choice) -> Choice:
        """Return the first value for quick measurements, else the second."""
        return quick if self.quick else full


def missing(work: str, compared: str, library: str) -> Row:
    """Return the row of a peer that is not installed."""
    note = f"{library} is not installed: write pip install 'bnn-zoo[peers]'."
    return Row(work, compared, None, note=note)
