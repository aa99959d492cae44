"""A compiled program without the layers of Python around it, where they change nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor

from zoo.tracing.graph import Function


class _Call(NamedTuple):
    """A call of a compiled program inside its layers.

    Arguments:
        program: The program, a `CompiledFxGraph`.
        given: Its inputs.
        returned: Its results.
    """

    program: Any
    given: list[Any]
    returned: Sequence[Any]


def bare(run: Function, inputs: Sequence[Tensor]) -> Function:
    """Return what a compiled function calls inside, if all else is passing tensors on.

    Torch puts layers around a compiled program that make views of results, copy inputs
    that share memory, and more. Each call of a small program takes as long in them as in
    itself. They do nothing where the tensors that go in and come out are the same objects
    inside as outside.

    Arguments:
        run: A function that torch's compiler has made.
        inputs: Its inputs, with which it is called once.
    """
    with _noted() as calls:
        results = run(*inputs)

    if len(calls) != 1:
        return run

    program, given, returned = calls[0]
    passes_on = _are_same(given, inputs) and _are_same(returned, results)
    if not passes_on:
        return run

    return _bare(program.current_callable, sorted(program.mutated_input_idxs))


def _bare(program: Callable[[list[Tensor]], Any], written: Sequence[int]) -> Function:
    """Return a program as a function that counts its writes to inputs, as torch does.

    Arguments:
        program: A function of a list of inputs, which it empties.
        written: The numbers of the inputs that it writes to.
    """

    def call(*inputs: Tensor) -> tuple[Tensor, ...]:
        results = program([*inputs])
        if written:
            torch.autograd.graph.increment_version([inputs[k] for k in written])

        return results

    return call


@contextmanager
def _noted() -> Iterator[list[_Call]]:
    """Give a list to which every call of a compiled program in this thread is added."""
    from torch._inductor.output_code import CompiledFxGraph

    calls: list[_Call] = []
    thread = threading.get_ident()
    before = CompiledFxGraph.__call__

    def noting(program: Any, inputs: Sequence[Any]) -> Any:
        given = list(inputs)
        returned = before(program, inputs)
        if threading.get_ident() == thread:
            calls.append(_Call(program, given, returned))

        return returned

    type.__setattr__(CompiledFxGraph, "__call__", noting)
    try:
        yield calls
    finally:
        type.__setattr__(CompiledFxGraph, "__call__", before)


def _are_same(some: Sequence[Any], others: Sequence[Any]) -> bool:
    """Return whether two sequences hold the same objects."""
    if len(some) != len(others):
        return False

    return all(one is other for one, other in zip(some, others, strict=True))
