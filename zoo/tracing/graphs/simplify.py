"""Simplification of a graph with equal bits: repeated and unused operations are removed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor
from torch.fx import Graph, Node

from zoo.tracing.graphs.operations import (
    is_random,
    is_uninitialised,
    shares_memory,
    writes,
    written_arguments,
)

_BIG = 2**20  # bytes of a result that is computed again rather than kept in memory
_Root = Node | int  # the node that made some memory, or the storage of an input


def simplify(graph: Graph, read: Mapping[Node, Tensor]) -> None:
    """Merge operations that compute the same, and erase operations that are not needed, in place.

    Arguments:
        graph: A graph of aten's operations.
        read: The tensor behind each input. A write to one is a write to all that share
            its storage.
    """
    storages = {}
    for node, tensor in read.items():
        storages[node] = tensor.untyped_storage()._cdata

    _Merger(graph, storages).run()
    graph.eliminate_dead_code(_is_needed)


def _is_needed(node: Node) -> bool:
    """Return whether an operation is kept even if its result is not used."""
    if node.op != "call_function":
        return True

    return writes(node.target) or is_random(node.target)


class _Merger:
    """Replaces operations by earlier ones with the same arguments, in the same state of memory.

    Operations whose result is written to or returned are kept: the caller may write to
    each result. So are operations with a big result that has no further use at that
    point, as the program computes it again to save memory.

    Arguments:
        graph: A graph of aten's operations.
        storages: The storage behind each input.
    """

    def __init__(self, graph: Graph, storages: Mapping[Node, int]) -> None:
        self.graph = graph
        self.storages = storages
        self.versions: dict[_Root, int] = {}  # number of writes so far
        self.seen: dict[tuple, Node] = {}
        self.position: dict[Node, int] = {}
        for number, node in enumerate(graph.nodes):
            self.position[node] = number

    def run(self) -> None:
        """Merge all operations that can be."""
        kept = {*self._returned(), *self._written()}
        for node in list(self.graph.nodes):
            if node.op != "call_function":
                continue

            if writes(node.target):
                self._note_write(node)
                continue

            varies = is_random(node.target) or is_uninitialised(node.target)
            if not varies and node not in kept:
                self._merge(node)

    def _note_write(self, node: Node) -> None:
        """Give all memory that an operation writes to a new version."""
        for root in self._roots_written(node):
            version = self.versions.get(root, 0)
            self.versions[root] = version + 1

    def _merge(self, node: Node) -> None:
        """Replace a node by an earlier one that computes the same, if there is one."""
        versions = []
        for argument in node.all_input_nodes:
            root = self._root(argument)
            versions.append(self.versions.get(root, 0))

        key = (node.target, repr(node.args), repr(node.kwargs), tuple(versions))
        earlier = self.seen.setdefault(key, node)
        if earlier is node:
            return

        is_small = node.meta.get("bytes", 0) < _BIG
        if is_small or self._last_use(earlier) > self.position[node]:
            node.replace_all_uses_with(earlier)
            self.graph.erase_node(node)

    def _last_use(self, node: Node) -> int:
        """Return the position of the last operation that reads a result, or a view of it."""
        uses = []
        for user in node.users:
            if shares_memory(user):
                uses.append(self._last_use(user))
            else:
                uses.append(self.position[user])

        return max(uses, default=self.position[node])

    def _returned(self) -> Iterator[_Root]:
        """Give the roots of the results of the graph."""
        for output in self.graph.find_nodes(op="output"):
            for node in output.all_input_nodes:
                yield self._root(node)

    def _written(self) -> Iterator[_Root]:
        """Give the roots of all memory that the graph writes to."""
        for node in self.graph.nodes:
            if node.op == "call_function" and writes(node.target):
                yield from self._roots_written(node)

    def _roots_written(self, node: Node) -> Iterator[_Root]:
        """Give the roots of the memory that one operation writes to.

        For an operation that does not say what it writes to, these are the roots of all
        its arguments.
        """
        operation: Any = node.target
        names = written_arguments(operation)
        if not names:
            for argument in node.all_input_nodes:
                yield self._root(argument)

            return

        values = _arguments_by_name(node)
        for name in names:
            value = values.get(name)
            parts = value if isinstance(value, (tuple, list)) else (value,)
            for part in parts:
                if isinstance(part, Node):
                    yield self._root(part)

    def _root(self, node: Node) -> _Root:
        """Return the operation that made the memory of a node, or the storage of an input."""
        while shares_memory(node):
            node = node.all_input_nodes[0]

        return self.storages.get(node, node)


def _arguments_by_name(node: Node) -> dict[str, object]:
    """Return the arguments of an operation by name."""
    values = {}
    operation: Any = node.target
    for argument, value in zip(operation._schema.arguments, node.args, strict=False):
        values[argument.name] = value

    return {**values, **node.kwargs}
