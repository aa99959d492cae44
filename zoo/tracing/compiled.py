"""A graph through torch's compiler, and a few rows of its inputs at a time."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from types import ModuleType

import torch
from torch import Tensor
from torch.fx import GraphModule

from zoo.tracing.arithmetic import cheaper
from zoo.tracing.graph import Function

SETTINGS = {
    "fallback_random": True,  # random numbers are those of the graph
    "size_asserts": False,  # of every input at every call
    "alignment_asserts": False,
    "layout_optimization": False,  # images with few channels, pixel by pixel, fill a vector to a third
}
CACHED = (
    2**20
)  # bytes of the widest result that a core's cache holds beside what else is there


def compiled(
    module: GraphModule, captured: Sequence[Tensor], inputs: Sequence[Tensor]
) -> Function:
    """Compile a graph for inputs of these shapes, and run it once.

    Arguments:
        module: The graph, as `trace` returns it.
        captured: What it reads beside its inputs.
        inputs: Its inputs.

    Raises:
        Exception: Whatever the compiler raises; most often there is no C++ compiler.
    """
    module, more = cheaper(module, [*inputs, *captured])
    read = [*captured, *more]
    inductor, config = compiler()
    with torch.no_grad(), config.patch(SETTINGS), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a compiler says about itself
        # the graph is all there is: without Dynamo's guards a call costs a third less
        run = inductor(module, [*inputs, *read])
        run(*inputs, *read)

    @torch.no_grad()
    def call(*inputs: Tensor) -> tuple[Tensor, ...]:
        return run(*inputs, *read)

    return call


def compiler() -> tuple[Function, ModuleType]:
    """Import torch's compiler, which takes seconds, and its settings; it warns of parts of itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch._inductor import compile as inductor
        from torch._inductor import config
    return inductor, config


def by_rows(function: Function, rows: int) -> Function:
    """Return what runs a function of tensors, and of each of their rows on its own, on so many rows at a time."""

    def run(*inputs: Tensor) -> tuple[Tensor, ...]:
        parts = zip(*(tensor.split(rows) for tensor in inputs), strict=True)
        return tuple(
            map(torch.cat, zip(*(function(*part) for part in parts), strict=True))
        )

    return run


def rows_at_once(rows: int, widest: int) -> int:
    """Return how many of a number of rows to compile for on a CPU: a divisor whose results its cache holds.

    Arguments:
        rows: Their number.
        widest: Bytes of the widest result that one row leads to.
    """
    most = min(rows, max(1, CACHED * torch.get_num_threads() // max(1, widest)))
    best = max(number for number in range(1, most + 1) if rows % number == 0)
    return best if 2 * best >= most else rows
