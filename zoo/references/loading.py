"""Loading the reference posterior of a problem from its file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from zoo.posterior.function_posterior import FunctionPosterior
from zoo.posterior.storage import unprefixed
from zoo.references.names import problem_of
from zoo.references.problem import Problem
from zoo.references.reference import Reference, default_path
from zoo.references.reference_file import Header, check_checksum, read_reference_file


def load(
    problem: str | Callable[[], Problem] | Problem, path: str | Path | None = None
) -> Reference:
    """Load the reference posterior of a problem.

    Arguments:
        problem: The name of a reference, one of `references.names()`; or the function
            that makes the problem, or the problem.
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
    problem = problem_of(problem)
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
    made = header.get("made", {})  # files of version 0.8 and earlier lack it
    return Reference(problem, runs, weights, header["evidence"], made)


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
