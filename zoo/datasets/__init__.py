"""Data sets: embedded UCI tables with Gal's splits, scikit-learn's digits, and toys."""

from zoo.datasets import toy
from zoo.datasets.dataset import Dataset, Split
from zoo.datasets.digits import digits
from zoo.datasets.uci import uci
from zoo.datasets.units import Units

__all__ = ["Dataset", "Split", "Units", "digits", "toy", "uci"]
