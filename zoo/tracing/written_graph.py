"""A graph in a form that can be written to a file, with the names of its operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch._ops import OpOverload
from torch.fx import Graph, GraphModule, Node


class _Reference(NamedTuple):
    """The result of an operation, by the name of its node."""

    name: str


class _Operation(NamedTuple):
    """An operation of torch, by its names: aten, add, Tensor."""

    namespace: str
    name: str
    overload: str


class WrittenNode(NamedTuple):
    """A node of a graph.

    Arguments:
        op: Its kind, as in `torch.fx`.
        target: Its operation.
        args: Its arguments.
        kwargs: Its arguments by name.
        name: Its own name.
    """

    op: str
    target: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    name: str


def written(module: GraphModule) -> list[WrittenNode]:
    """Return the nodes of a graph, ready for a file.

    Pickling a `GraphModule` records it again, and another graph comes out of it.

    Arguments:
        module: A graph of aten's operations.
    """
    nodes = []
    for node in module.graph.nodes:
        args = _mapped(node.args, _reference)
        kwargs = _mapped(node.kwargs, _reference)
        target = _name_of(node.target)
        nodes.append(WrittenNode(node.op, target, args, kwargs, node.name))

    return nodes


def read(nodes: list[WrittenNode]) -> GraphModule:
    """Return the graph of nodes that `written` returned."""
    graph = Graph()
    made: dict[str, Node] = {}

    def result(value: Any) -> Any:
        return made[value.name] if isinstance(value, _Reference) else value

    for node in nodes:
        args = _mapped(node.args, result)
        kwargs = _mapped(node.kwargs, result)
        target = _operation(node.target)
        made[node.name] = graph.create_node(
            node.op, target, args, kwargs, name=node.name
        )

    return GraphModule({}, graph)


def _reference(value: Any) -> Any:
    return _Reference(value.name) if isinstance(value, Node) else value


def _mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """Return plain tuples, lists and dictionaries with changed leaves."""
    if isinstance(value, _Reference):
        return change(value)
    if isinstance(value, tuple):
        return tuple(_mapped(part, change) for part in value)
    if isinstance(value, list):
        return [_mapped(part, change) for part in value]
    if isinstance(value, dict):
        return {key: _mapped(part, change) for key, part in value.items()}

    return change(value)


def _name_of(target: Any) -> Any:
    """Return the names of torch's operation; other targets are written as they are."""
    if not isinstance(target, OpOverload):
        return target

    namespace, _, name = target._schema.name.partition("::")

    return _Operation(namespace, name, target._overloadname)


def _operation(target: Any) -> Any:
    """Return the operation of torch with these names."""
    if not isinstance(target, _Operation):
        return target

    packet = getattr(getattr(torch.ops, target.namespace), target.name)

    return getattr(packet, target.overload)
