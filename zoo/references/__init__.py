"""Reference posteriors: problems whose posterior is known, with the evidence, so that guides can be held beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from zoo.references.cubic import cubic
from zoo.references.digits_mlp import digits_mlp
from zoo.references.lenet_nodes import lenet_nodes
from zoo.references.linear import linear
from zoo.references.make import make
from zoo.references.moons import moons
from zoo.references.problem import Problem
from zoo.references.reference import Reference, read
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


def load(
    problem: Callable[[], Problem] | Problem, path: str | Path | None = None
) -> Reference:
    """Load the reference posterior of a problem: `references.load(references.moons)`.

    Arguments:
        problem: One of the problems.
        path: A file of your own; the package's where nothing is said.

    Raises:
        FileNotFoundError: There is none.
        ValueError: The file is damaged, or that of another version of the problem.
    """
    problem = problem if isinstance(problem, Problem) else problem()
    return read(problem, Path(path) if path is not None else None)
