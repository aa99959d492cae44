"""A compiled program without the layers of Python around it, where they change nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor

from zoo.tracing.graphs.graph import Function


class BareProgram(NamedTuple):
    """A compiled program that takes and returns the tensors of its caller.

    Arguments:
        program: A function of a list of inputs, which it empties.
        written: The numbers of the inputs that it writes to.
        constants: Tensors that the compiler has computed in advance, by name.
    """

    program: Callable[[list[Tensor]], Sequence[Tensor]]
    written: tuple[int, ...]
    constants: dict[str, Tensor]

    def function(self) -> Function:
        """Return it as a function of its inputs."""

        def call(*inputs: Tensor) -> Sequence[Tensor]:
            return self.program([*inputs])

        return counting_writes(call, self.written)


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


def bare(run: Function, inputs: Sequence[Tensor]) -> BareProgram | None:
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
        return None

    compiled, given, returned = calls[0]
    passes_on = _are_same(given, inputs) and _are_same(returned, results)
    if not passes_on:
        return None

    written = tuple(sorted(compiled.mutated_input_idxs))

    return BareProgram(compiled.current_callable, written, compiled.constants or {})


def counting_writes(function: Function, written: Sequence[int]) -> Function:
    """Return a function that counts its writes to inputs, as torch does.

    Arguments:
        function: A function of tensors.
        written: The numbers of the inputs that it writes to.
    """
    if not written:
        return function

    def call(*inputs: Tensor) -> tuple[Tensor, ...]:
        results = function(*inputs)
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
