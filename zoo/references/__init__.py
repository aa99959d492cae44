"""Reference posteriors: problems whose posterior is known, stored with the evidence for it."""

from zoo.references.cubic import cubic
from zoo.references.digits_mlp import digits_mlp
from zoo.references.lenet_nodes import lenet_nodes
from zoo.references.linear import linear
from zoo.references.loading import load
from zoo.references.make import make
from zoo.references.moons import moons
from zoo.references.problem import Problem
from zoo.references.reference import Reference
from zoo.references.sinusoid import sinusoid
from zoo.references.uci import concrete_50, energy_50, yacht_50

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
    "sinusoid",
    "yacht_50",
]


def __dir__() -> list[str]:
    """Return the public names."""
    return list(__all__)
