"""Data sets: embedded UCI tables with Gal's splits, scikit-learn's digits, toys, images and heart beats by folder."""

from zoo.datasets import toy
from zoo.datasets.cifar10 import cifar10
from zoo.datasets.dataset import Dataset, Split
from zoo.datasets.digits import digits
from zoo.datasets.ecg import ecg5000
from zoo.datasets.fashion_mnist import fashion_mnist
from zoo.datasets.kmnist import kmnist_test
from zoo.datasets.mnist import mnist
from zoo.datasets.uci import uci
from zoo.datasets.units import Units

__all__ = [
    "Dataset",
    "Split",
    "Units",
    "cifar10",
    "digits",
    "ecg5000",
    "fashion_mnist",
    "kmnist_test",
    "mnist",
    "toy",
    "uci",
]
