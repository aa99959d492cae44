"""The graph of a program: its tensor operations, with every tensor it reads as an input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.fx import Graph, GraphModule

from zoo.tracing.graphs.python_function import python_function
from zoo.tracing.graphs.recorder import Recorder
from zoo.tracing.graphs.simplify import simplify

Function = Callable[..., tuple[Tensor, ...]]


@dataclass(frozen=True)
class TracedGraph:
    """A program as a graph of operations, with the tensors that it reads besides its inputs.

    Arguments:
        graph: The graph.
        captured: The tensors.
    """

    graph: Graph
    captured: list[Tensor]

    @cached_property
    def run(self) -> Function:
        """The graph as a function of the inputs and the captured tensors."""
        return python_function(self.graph)

    @cached_property
    def module(self) -> GraphModule:
        """The graph as a module, which a compiler or an interpreter takes."""
        return GraphModule({}, self.graph)


def trace(function: Function, inputs: Sequence[Tensor]) -> TracedGraph:
    """Record a function of tensors while it runs once.

    Every tensor that the program reads from elsewhere (parameters, buffers, data)
    becomes a further input of the graph, so that the graph reads its later values.
    Random draws are operations like any other: every run of the graph draws new numbers.
    Python's own values are fixed at their present values.

    Arguments:
        function: Any Python function of tensors that returns tensors; it may take
            gradients inside.
        inputs: Tensors to call it with.

    Raises:
        Exception: Any error that the program raises while it is recorded;
            `zoo.runtime.caller.statement` names its line.
    """
    distinct: list[Tensor] = []
    for number, tensor in enumerate(inputs):
        distinct.append(_distinct(tensor, inputs[:number]))

    recorder = Recorder(distinct)
    with recorder:
        outputs = function(*distinct)

    graph = recorder.graph
    results = tuple(map(recorder.node, outputs))
    graph.output(results)

    read = dict(zip(recorder.placeholders, recorder.read, strict=True))
    simplify(graph, read)

    captured = recorder.read[len(distinct) :]

    return TracedGraph(graph, captured)


def of_inputs(run: Function, captured: Sequence[Tensor]) -> Function:
    """Return a graph as a function of the program's inputs alone, without gradients.

    Arguments:
        run: A function of the inputs and the captured tensors.
        captured: The tensors that the program reads besides its inputs.
    """

    @torch.no_grad()
    def call(*inputs: Tensor) -> tuple[Tensor, ...]:
        return run(*inputs, *captured)

    return call


def _distinct(tensor: Tensor, others: Sequence[Tensor]) -> Tensor:
    """Return a tensor object that is none of the others.

    Inputs that are one object now may be two in a later call.
    """
    is_repeated = any(tensor is other for other in others)
    if not is_repeated:
        return tensor

    return tensor.detach().requires_grad_(tensor.requires_grad)
