"""Loading the reference posterior of a problem from its file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from zoo.posterior.function_posterior import FunctionPosterior
from zoo.posterior.storage import unprefixed
from zoo.references.cubic import cubic
from zoo.references.digits_mlp import digits_mlp
from zoo.references.lenet_nodes import lenet_nodes
from zoo.references.linear import linear
from zoo.references.moons import moons
from zoo.references.problem import Problem
from zoo.references.reference import Reference, default_path
from zoo.references.reference_file import Header, check_checksum, read_reference_file
from zoo.references.sinusoid import sinusoid
from zoo.references.uci import concrete_50, energy_50, yacht_50

_PROBLEMS: Mapping[str, Callable[[], Problem]] = {
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


def load(
    problem: str | Callable[[], Problem] | Problem, path: str | Path | None = None
) -> Reference:
    """Load the reference posterior of a problem.

    Arguments:
        problem: The name of a problem, the function that makes it, or the problem.
        path: The file; by default the file in the package.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: There is no problem of this name, the file is damaged, or it belongs
            to another problem or to another version of the problem.

    Example:
        >>> from zoo import references
        >>> reference = references.load("sinusoid")
        >>> reference.inputs.shape
        torch.Size([61, 1])
    """
    problem = _make_problem(problem)
    path = default_path(problem.name) if path is None else Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"the file {path} does not exist; make it with "
            f"`python -m zoo reference {problem.name} --out {path.parent}`"
        )

    header, tensors = read_reference_file(path)
    _check_problem(problem, header, path)
    check_checksum(header, tensors, path)

    values = unprefixed("functions/", tensors)
    runs = {}
    for name in header["runs"]:
        runs[name] = FunctionPosterior(
            problem.model,
            state={},
            info=None,
            draws=unprefixed(f"noise/{name}/", tensors),
            functions=(problem.inputs, values[name]),
        )

    weights = unprefixed("weights/", tensors)
    return Reference(problem, runs, weights, header["evidence"])


def _make_problem(problem: str | Callable[[], Problem] | Problem) -> Problem:
    """Return the problem that a name, a function or a problem stands for."""
    if isinstance(problem, Problem):
        return problem
    if not isinstance(problem, str):
        return problem()

    name = problem.replace("_", "-")
    if name not in _PROBLEMS:
        names = ", ".join(_PROBLEMS)
        raise ValueError(f"there is no reference {problem!r}; write one of: {names}")
    return _PROBLEMS[name]()


def _check_problem(problem: Problem, header: Header, path: Path) -> None:
    """Raise an error if a file belongs to another problem or to another version of it."""
    stored_name = header.get("name")
    if stored_name != problem.name:
        raise ValueError(
            f"{path} holds {stored_name!r}, not the reference {problem.name!r}; give another path"
        )

    stored = f"version {header['version']} ({header['fingerprint']})"
    current = f"version {problem.version} ({problem.fingerprint()})"
    if stored != current:
        raise ValueError(
            f"{path} is of {stored}, but the problem {problem.name!r} is of {current}; "
            f"make the file again with `python -m zoo reference {problem.name}`"
        )
