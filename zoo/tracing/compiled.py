"""A graph that torch's compiler translates, for a step of a program or a loop of steps."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from zoo.tracing.compiling.compiler import compile_module
from zoo.tracing.graphs.arithmetic import cheaper
from zoo.tracing.graphs.graph import Function, TracedGraph, of_inputs
from zoo.tracing.graphs.repetition import ONCE, Repetition

CACHED = 2**20  # bytes of the widest result that fit into a core's cache with the rest


def compile_graph(
    graph: TracedGraph, inputs: Sequence[Tensor], repetition: Repetition = ONCE
) -> Function:
    """Compile a graph for inputs of these shapes, and run it once.

    Arguments:
        graph: The graph of a step, as `trace` returns it.
        inputs: The inputs of the program, of all its steps.
        repetition: How it repeats its step; any number of steps can be taken later.

    Raises:
        Exception: Any error of the compiler; most often there is no C++ compiler.
    """
    prepared = _prepared(graph, repetition.first(inputs))
    everything = [*inputs, *prepared.captured]
    run = compile_module(prepared.module, everything, repetition)

    return of_inputs(run, prepared.captured)


def _prepared(graph: TracedGraph, inputs: Sequence[Tensor]) -> TracedGraph:
    """Return a graph as the compiler gets it, with cheaper operations."""
    cheap = cheaper(graph.module, [*inputs, *graph.captured])

    return TracedGraph(cheap.graph, [*graph.captured, *cheap.captured])


def rows_at_once(rows: int, widest: int) -> int:
    """Return the number of rows to compile for on a CPU: a divisor that fits into its cache.

    Arguments:
        rows: Number of all rows.
        widest: Bytes of the widest result for one row.
    """
    fitting = CACHED * torch.get_num_threads() // max(1, widest)
    most = min(rows, max(1, fitting))

    best = most
    while rows % best != 0:
        best -= 1

    return best if 2 * best >= most else rows
