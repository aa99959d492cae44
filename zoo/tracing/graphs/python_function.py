"""A graph as a function of Python that calls torch's own functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.fx import Graph, Node

# Operations of aten that torch has under the same name, with the same arguments.
_FUNCTIONS = """
    abs add addcmul addmm all any as_strided bitwise_and bitwise_not bitwise_or bmm cat
    clamp clamp_max clamp_min clone cumsum diagonal div dot empty_like eq exp expm1 flip
    floor_divide full_like gather ge gt index_add index_select le log log1p logaddexp
    logical_and logsumexp lt masked_fill mean mm mul nan_to_num ne neg ones_like permute
    pow rand_like randn_like reciprocal relu remainder rsqrt rsub scatter_add select sgn
    sigmoid sign split_with_sizes sqrt squeeze stack sub sum t tanh transpose tril unbind
    unsqueeze where zeros_like
"""
_METHODS = "add_ copy_ div_ expand mul_ new_zeros sub_ view"
FUNCTIONS = frozenset(_FUNCTIONS.split())
METHODS = frozenset(_METHODS.split())

_Written = bool | int | float | str | None  # values that are written as they are


def python_function(graph: Graph) -> Callable[..., tuple[Tensor, ...]]:
    """Return a graph as a function, which forgets each result after its last use.

    The call of an operation of aten compares its arguments with a schema, which takes
    longer than the operation itself if the tensors are small. The function of torch that
    is bound to the same kernel takes half of that time, and gives the same bits.

    Arguments:
        graph: A graph of aten's operations.
    """
    return _Writer(graph).function()


def function_of(operation: Any) -> Callable[..., Any]:
    """Return torch's own function for an operation, or the operation if there is none."""
    if not isinstance(operation, OpOverload) or operation.namespace != "aten":
        return operation

    name = operation._opname
    if name in FUNCTIONS:
        return getattr(torch, name)

    return getattr(Tensor, name) if name in METHODS else operation


class _Writer:
    """Writes the lines of a function.

    Arguments:
        graph: A graph of functions.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.values: dict[str, Any] = {}  # what the lines refer to besides arguments
        self.names: dict[Node, str] = {}
        self.last_uses = self._last_uses()

    def function(self) -> Callable[..., tuple[Tensor, ...]]:
        """Return the function."""
        arguments = []
        lines = []
        for node in self.graph.nodes:
            self.names[node] = name = f"v{len(self.names)}"
            if node.op == "placeholder":
                arguments.append(name)
            elif node.op == "output":
                lines.append(f"return {self._text(node.args[0])}")
            else:
                lines.append(f"{name} = {self._call(node)}")
                lines.extend(self._forgotten(node))

        body = "\n    ".join(lines)
        source = f"def run({', '.join(arguments)}):\n    {body}\n"
        exec(compile(source, "<graph>", "exec"), self.values)

        return self.values["run"]

    def _last_uses(self) -> dict[Node, list[Node]]:
        """Return the results that no later node reads, for each node."""
        seen: set[Node] = set()
        last_uses: dict[Node, list[Node]] = {}
        for node in reversed(self.graph.nodes):
            unseen = []
            for argument in (*node.all_input_nodes, node):
                if argument not in seen:
                    seen.add(argument)
                    unseen.append(argument)

            last_uses[node] = unseen

        return last_uses

    def _forgotten(self, node: Node) -> list[str]:
        """Return the line that forgets results, if some are not read after a node."""
        names = [self.names[each] for each in self.last_uses[node]]

        return [f"del {', '.join(names)}"] if names else []

    def _call(self, node: Node) -> str:
        """Return the text of the call of one operation."""
        starts_with_tensor = bool(node.args) and not isinstance(node.args[0], _Written)
        target = function_of(node.target) if starts_with_tensor else node.target
        arguments = [self._text(argument) for argument in node.args]
        for name, argument in node.kwargs.items():
            arguments.append(f"{name}={self._text(argument)}")

        return f"{self._name(target)}({', '.join(arguments)})"

    def _text(self, argument: Any) -> str:
        """Return the text of an argument."""
        if isinstance(argument, Node):
            return self.names[argument]

        if isinstance(argument, tuple):
            parts = [f"{self._text(part)}, " for part in argument]
            return f"({''.join(parts)})"

        if isinstance(argument, list):
            return f"[{', '.join(map(self._text, argument))}]"

        is_finite = not isinstance(argument, float) or math.isfinite(argument)
        if isinstance(argument, _Written) and is_finite:
            return repr(argument)

        return self._name(argument)

    def _name(self, value: Any) -> str:
        """Return the name under which the lines find a value."""
        name = f"c{len(self.values)}"
        self.values[name] = value

        return name
