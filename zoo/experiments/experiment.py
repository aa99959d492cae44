"""A experiment: an experiment of the literature as a short program over the core."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoo.experiments.run import Run


@dataclass(frozen=True)
class Experiment:
    """An experiment of the literature, and the numbers that were published for it.

    Arguments:
        name: What it is called on the command line, "bbb-mnist" say.
        question: What it asks, in a sentence.
        reference: Title, authors and year.
        minutes: The budget of all its fits together where nobody says otherwise, in
            minutes.
        run: Runs it: fits, scores, states findings, draws a figure.
    """

    name: str
    question: str
    reference: str
    minutes: float
    run: Callable[[Run], None]

    def __repr__(self) -> str:
        return f"Experiment({self.name!r}: {self.question})"
