"""Data sets: embedded UCI tables with Gal's splits, scikit-learn's digits, toys, and images by folder."""

from zoo.datasets import toy
from zoo.datasets.cifar10 import cifar10
from zoo.datasets.dataset import Dataset, Split
from zoo.datasets.digits import digits
from zoo.datasets.fashion_mnist import fashion_mnist
from zoo.datasets.mnist import mnist
from zoo.datasets.uci import uci
from zoo.datasets.units import Units

__all__ = ["Dataset", "Split", "Units", "cifar10", "digits", "fashion_mnist", "mnist", "toy", "uci"]
