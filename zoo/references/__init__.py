"""Reference posteriors: problems whose posterior is known, stored with the evidence for it."""

from typing import TYPE_CHECKING, NoReturn

from zoo.references.card import card
from zoo.references.exports.export import export
from zoo.references.loading import load
from zoo.references.make import make
from zoo.references.names import names
from zoo.references.problem import Problem
from zoo.references.problems.cifar_last_layer import cifar_last_layer
from zoo.references.problems.cubic import cubic
from zoo.references.problems.digits_mlp import digits_mlp
from zoo.references.problems.digits_nodes import digits_nodes
from zoo.references.problems.ecg import ecg
from zoo.references.problems.heteroscedastic import heteroscedastic
from zoo.references.problems.hierarchical import hierarchical
from zoo.references.problems.horseshoe import horseshoe
from zoo.references.problems.lenet_nodes import lenet_nodes
from zoo.references.problems.linear import linear
from zoo.references.problems.logistic import logistic
from zoo.references.problems.moons import moons
from zoo.references.problems.poisson import poisson
from zoo.references.problems.relu import relu
from zoo.references.problems.sinusoid import sinusoid
from zoo.references.problems.two_modes import two_modes
from zoo.references.problems.uci import concrete_50, energy_50, yacht_50
from zoo.references.problems.wide import wide
from zoo.references.reference import Reference
from zoo.runtime.other_names import missing

__all__ = [
    "Problem",
    "Reference",
    "card",
    "cifar_last_layer",
    "concrete_50",
    "cubic",
    "digits_mlp",
    "digits_nodes",
    "ecg",
    "energy_50",
    "export",
    "heteroscedastic",
    "hierarchical",
    "horseshoe",
    "lenet_nodes",
    "linear",
    "load",
    "logistic",
    "make",
    "moons",
    "names",
    "poisson",
    "relu",
    "sinusoid",
    "two_modes",
    "wide",
    "yacht_50",
]

_OTHER_NAMES = {
    "get": 'references.load("sinusoid")',
    "list": "references.names()",
}

if not TYPE_CHECKING:  # so that a type checker still finds a wrong name

    def __getattr__(name: str) -> NoReturn:
        """Raise an error that says what to write instead of a wrong name."""
        raise missing(__name__, name, __all__, _OTHER_NAMES)


def __dir__() -> list[str]:
    """Return the public names."""
    return list(__all__)
