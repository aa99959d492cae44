"""The problems by name, and which of them have a file in the package."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zoo.references.problem import Problem
from zoo.references.problems.cubic import cubic
from zoo.references.problems.digits_mlp import digits_mlp
from zoo.references.problems.lenet_nodes import lenet_nodes
from zoo.references.problems.linear import linear
from zoo.references.problems.moons import moons
from zoo.references.problems.sinusoid import sinusoid
from zoo.references.problems.uci import concrete_50, energy_50, yacht_50
from zoo.references.reference import default_path

PROBLEMS: Mapping[str, Callable[[], Problem]] = {
    "concrete-50": concrete_50,
    "cubic": cubic,
    "digits-mlp": digits_mlp,
    "energy-50": energy_50,
    "lenet-nodes": lenet_nodes,
    "linear": linear,
    "moons": moons,
    "sinusoid": sinusoid,
    "yacht-50": yacht_50,
}


def names() -> list[str]:
    """Return the names of the references that ship, which `references.load` takes.

    Example:
        >>> from zoo import references
        >>> "sinusoid" in references.names()
        True
    """
    return [name for name in PROBLEMS if default_path(name).is_file()]


def problem_of(problem: str | Callable[[], Problem] | Problem) -> Problem:
    """Return the problem that a name, a function or a problem stands for.

    Raises:
        ValueError: There is no problem of this name.
    """
    if isinstance(problem, Problem):
        return problem
    if not isinstance(problem, str):
        return problem()

    name = problem.replace("_", "-")
    if name not in PROBLEMS:
        known = ", ".join(PROBLEMS)
        raise ValueError(f"there is no reference {problem!r}; write one of: {known}")
    return PROBLEMS[name]()
