"""The problems by name, and which of them have a file in the package."""

from __future__ import annotations

from collections.abc import Callable, Mapping

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
from zoo.references.reference import default_path

PROBLEMS: Mapping[str, Callable[[], Problem]] = {
    "cifar-last-layer": cifar_last_layer,
    "concrete-50": concrete_50,
    "cubic": cubic,
    "digits-mlp": digits_mlp,
    "digits-nodes": digits_nodes,
    "ecg": ecg,
    "energy-50": energy_50,
    "heteroscedastic": heteroscedastic,
    "hierarchical": hierarchical,
    "horseshoe": horseshoe,
    "lenet-nodes": lenet_nodes,
    "linear": linear,
    "logistic": logistic,
    "moons": moons,
    "poisson": poisson,
    "relu": relu,
    "sinusoid": sinusoid,
    "two-modes": two_modes,
    "wide": wide,
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
