"""Data sets: tables of yours, UCI tables, digits, toys, images and heart beats from a folder."""

from typing import TYPE_CHECKING, NoReturn

from zoo.datasets import toy
from zoo.datasets.camvid import camvid
from zoo.datasets.cifar10 import cifar10
from zoo.datasets.cifar10h import cifar10h
from zoo.datasets.classification import classification
from zoo.datasets.coreset import coreset, k_centre, random_rows
from zoo.datasets.dataset import Dataset, Split
from zoo.datasets.digits import digits
from zoo.datasets.ecg import ecg5000
from zoo.datasets.emoji import emoji
from zoo.datasets.fashion_mnist import fashion_mnist
from zoo.datasets.kmnist import kmnist_test
from zoo.datasets.long_tailed import long_tailed
from zoo.datasets.mnist import mnist
from zoo.datasets.permuted import permuted
from zoo.datasets.regression import regression
from zoo.datasets.split import split
from zoo.datasets.super_resolution import super_resolution
from zoo.datasets.super_resolution_images import (
    super_resolution_images,
    super_resolution_pair,
)
from zoo.datasets.uci import uci
from zoo.datasets.units import Units
from zoo.runtime.other_names import missing

__all__ = [
    "Dataset",
    "Split",
    "Units",
    "camvid",
    "cifar10",
    "cifar10h",
    "classification",
    "coreset",
    "digits",
    "ecg5000",
    "emoji",
    "fashion_mnist",
    "k_centre",
    "kmnist_test",
    "long_tailed",
    "mnist",
    "permuted",
    "random_rows",
    "regression",
    "split",
    "super_resolution",
    "super_resolution_images",
    "super_resolution_pair",
    "toy",
    "uci",
]

_OTHER_NAMES = {
    "CIFAR10": "datasets.cifar10(path)",
    "CamVid": "datasets.camvid(path)",
    "CIFAR10H": "datasets.cifar10h(path)",
    "Digits": "datasets.digits()",
    "ECG5000": "datasets.ecg5000(path)",
    "Emoji": "datasets.emoji(path)",
    "FashionMNIST": "datasets.fashion_mnist(path)",
    "KMNIST": "datasets.kmnist_test(path)",
    "MNIST": "datasets.mnist(path)",
    "PermutedMNIST": "datasets.permuted(datasets.mnist(path))",
    "SplitMNIST": "datasets.split(datasets.mnist(path))",
    "Set14": 'datasets.super_resolution_images(path, "Set14")',
    "Set5": 'datasets.super_resolution_images(path, "Set5")',
    "T91": "datasets.super_resolution(path)",
    "UCI": 'datasets.uci("yacht")',
    "boston": 'datasets.uci("boston", path=path)',
    "concrete": 'datasets.uci("concrete")',
    "cubic": "datasets.toy.cubic()",
    "energy": 'datasets.uci("energy")',
    "kmnist": "datasets.kmnist_test(path)",
    "imbalanced": "datasets.long_tailed(data, ratio=100)",
    "linear": "datasets.toy.linear()",
    "load_digits": "datasets.digits()",
    "make_moons": "datasets.toy.moons()",
    "moons": "datasets.toy.moons()",
    "sinusoid": "datasets.toy.sinusoid()",
    "wine": 'datasets.uci("wine", path=path)',
    "yacht": 'datasets.uci("yacht")',
}

if not TYPE_CHECKING:  # so that a type checker still finds a wrong name

    def __getattr__(name: str) -> NoReturn:
        """Raise an error that says what to write instead of a wrong name."""
        raise missing(__name__, name, __all__, _OTHER_NAMES)


def __dir__() -> list[str]:
    """Return the public names."""
    return list(__all__)
