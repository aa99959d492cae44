"""A method of inference as the page shows it: a name, a sentence, and fits of growing length."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from zoo.datasets import Split
from zoo.model import BayesianNetwork
from zoo.posterior.posterior import Posterior

FitAll = Callable[[BayesianNetwork, Split, Sequence[int]], Iterable[Posterior]]


class FitSeries(NamedTuple):
    """A guide or an engine, with the lengths of run that the slider has.

    Arguments:
        name: The name, e.g. "mean field".
        about: A sentence that says what it is.
        unit: What the lengths count, e.g. "gradient steps".
        lengths: The lengths of the runs, ascending.
        fit: Called with a model, the data and the lengths; gives a posterior for each.
    """

    name: str
    about: str
    unit: str
    lengths: tuple[int, ...]
    fit: FitAll

    def as_dict(self) -> dict[str, object]:
        """Return what the page says of the method."""
        return {
            "name": self.name,
            "about": self.about,
            "unit": self.unit,
            "lengths": list(self.lengths),
        }
