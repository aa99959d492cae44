"""Reference posteriors: problems whose posterior is known, stored with the evidence for it."""

from typing import TYPE_CHECKING, NoReturn

from zoo.references.loading import load
from zoo.references.make import make
from zoo.references.names import names
from zoo.references.problem import Problem
from zoo.references.problems.cubic import cubic
from zoo.references.problems.digits_mlp import digits_mlp
from zoo.references.problems.lenet_nodes import lenet_nodes
from zoo.references.problems.linear import linear
from zoo.references.problems.moons import moons
from zoo.references.problems.sinusoid import sinusoid
from zoo.references.problems.uci import concrete_50, energy_50, yacht_50
from zoo.references.reference import Reference
from zoo.runtime.other_names import missing

__all__ = [
    "Problem",
    "Reference",
    "concrete_50",
    "cubic",
    "digits_mlp",
    "energy_50",
    "lenet_nodes",
    "linear",
    "load",
    "make",
    "moons",
    "names",
    "sinusoid",
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
