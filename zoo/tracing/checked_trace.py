"""The graph of a program, if the program does the same in every run."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from zoo.runtime.caller import stack_level, statement
from zoo.tracing.graphs.graph import Function, TracedGraph, trace
from zoo.tracing.state.outside import outside_calls
from zoo.tracing.state.python_state import PythonState
from zoo.tracing.trial import Trial

_ATTEMPTS = 2  # a program may fill a cache in its first run
_DIFFERENT = (
    "two runs gave different values: it depends on a Python value that changes between calls; "
    "keep that value in a tensor"
)


class _Attempt(NamedTuple):
    """A graph, or why there is none."""

    graph: TracedGraph | None
    reason: str = ""
    may_settle: bool = False  # whether another attempt may give a graph


def checked_trace(
    function: Function, inputs: Sequence[Tensor], trial: Trial
) -> TracedGraph | None:
    """Trace a program; warn and return nothing if a graph would not do what it does.

    A graph repeats what Python did in one run. So a program has no graph if each run
    changes what Python remembers, such as a counter or a generator of random numbers, if
    it reads the clock, or if two runs give different values.

    Arguments:
        function: The program.
        inputs: The inputs of the present call.
        trial: Runs the program without lasting effects.
    """
    start = state = PythonState(function)
    for _ in range(_ATTEMPTS):
        attempt = _attempt(function, inputs, trial, state)
        if attempt.graph is not None:
            return attempt.graph

        if not attempt.may_settle:
            break

        state = PythonState(function)

    start.restore()
    warnings.warn(attempt.reason, stacklevel=stack_level())

    return None


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its type if it has none."""
    lines = str(error).strip().splitlines()

    return lines[0] if lines else type(error).__name__


def _attempt(
    function: Function, inputs: Sequence[Tensor], trial: Trial, state: PythonState
) -> _Attempt:
    """Trace a program once, and compare the graph with another run of it."""
    try:
        with trial.undone():
            graph = trace(function, inputs)
            change_by_trace = state.change()

        with trial.undone(), torch.no_grad():
            of_graph = graph.run(*inputs, *graph.captured)
    except Exception as error:  # a program can fail with any error
        reason = (
            "the program could not be traced, so it runs as plain Pyro, several times slower: "
            f"{statement(error)}: {first_line(error)}"
        )
        return _Attempt(None, reason)

    # calls are noted in this run: a run that is traced has ten times as many
    with trial.undone(), outside_calls() as outside:
        of_program = function(*inputs)
        change = state.change()

    if outside:
        return _Attempt(None, _plain(outside[0]))

    if change_by_trace is not None:
        return _Attempt(None, _plain(change_by_trace.sentence), may_settle=True)

    if change is not None:
        return _Attempt(None, _plain(change.sentence))

    pairs = zip(of_graph, of_program, strict=True)
    if not all(_is_same(one, other) for one, other in pairs):
        return _Attempt(None, _plain(_DIFFERENT))

    return _Attempt(graph)


def _plain(reason: str) -> str:
    """Return the warning that a program runs without a graph."""
    return f"the program runs as plain Pyro, several times slower, because {reason}"


def _is_same(one: Tensor, other: Tensor) -> bool:
    """Return whether two tensors are equal, where NaN equals NaN."""
    if one.shape != other.shape:
        return False

    return torch.equal(one.nan_to_num(), other.nan_to_num())
