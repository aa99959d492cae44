"""Data sets: UCI tables with Gal's splits, digits, toys, images and heart beats from a folder."""

import sys
from typing import TYPE_CHECKING, NoReturn

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

_INSTEAD = {
    "CIFAR10": "datasets.cifar10(path)",
    "Digits": "datasets.digits()",
    "ECG5000": "datasets.ecg5000(path)",
    "FashionMNIST": "datasets.fashion_mnist(path)",
    "KMNIST": "datasets.kmnist_test(path)",
    "MNIST": "datasets.mnist(path)",
    "UCI": 'datasets.uci("yacht")',
    "boston": 'datasets.uci("boston", path=path)',
    "concrete": 'datasets.uci("concrete")',
    "cubic": "datasets.toy.cubic()",
    "energy": 'datasets.uci("energy")',
    "kmnist": "datasets.kmnist_test(path)",
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
        if name in _INSTEAD:
            raise AttributeError(f"{__name__} has no {name}; write {_INSTEAD[name]}")
        raise AttributeError(
            f"module {__name__!r} has no attribute {name!r}",
            name=name,
            obj=sys.modules[__name__],
        )


def __dir__() -> list[str]:
    return __all__
