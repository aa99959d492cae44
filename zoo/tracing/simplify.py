"""A graph with fewer operations and the same bits: what is computed twice, once; what nothing needs, not at all."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor
from torch.fx import Graph, Node

aten = torch.ops.aten
SILENT = {
    aten.native_batch_norm,
    aten.cudnn_batch_norm,
    aten.miopen_batch_norm,
}  # write, and do not say so
BIG = 2**20  # bytes that are computed again rather than kept
UNSAFE = {
    aten._unsafe_view,
    aten.unsafe_chunk,
    aten.unsafe_split,
    aten.unsafe_split_with_sizes,
}  # views, unsaid
EMPTY = {
    aten.empty,
    aten.empty_like,
    aten.empty_strided,
    aten.new_empty,
    aten.new_empty_strided,
}


def simplify(graph: Graph, read: Mapping[Node, Tensor]) -> None:
    """Merge what is computed twice from the same values, and erase what nothing needs, in place.

    Arguments:
        graph: A graph of aten's operations.
        read: The tensor behind each input: those of one storage are written together.
    """
    storages = {node: tensor.untyped_storage()._cdata for node, tensor in read.items()}
    merge(graph, storages)
    graph.eliminate_dead_code(
        lambda node: (
            node.op != "call_function" or writes(node.target) or is_random(node.target)
        )
    )


def merge(graph: Graph, storages: Mapping[Node, int]) -> None:
    """Let equal operations on equal values be one, but for those whose result is written to or returned.

    What is big and nothing needs any more is computed again, as the program does:
    guides save memory that way.
    """
    order = {node: number for number, node in enumerate(graph.nodes)}
    versions: dict[object, int] = {}
    seen: dict[tuple, Node] = {}
    own = set(returned(graph, storages)) | set(written(graph, storages))
    for node in list(graph.nodes):
        if node.op != "call_function":
            continue
        if writes(node.target):
            for root in roots_written(node, storages):
                versions[root] = versions.get(root, 0) + 1
            continue
        if is_random(node.target) or packet(node.target) in EMPTY or node in own:
            continue
        given = tuple(
            versions.get(root_of(other, storages), 0) for other in node.all_input_nodes
        )
        key = (node.target, repr(node.args), repr(node.kwargs), given)
        earlier = seen.setdefault(key, node)
        if earlier is not node and (
            node.meta.get("bytes", 0) < BIG or last_use(earlier, order) > order[node]
        ):
            node.replace_all_uses_with(earlier)
            graph.erase_node(node)


def last_use(node: Node, order: Mapping[Node, int]) -> int:
    """Return where the last operation stands that reads a result, or a view of it."""
    ends = [
        last_use(user, order) if is_seen(user) else order[user] for user in node.users
    ]
    return max(ends, default=order[node])


def returned(graph: Graph, storages: Mapping[Node, int]) -> Iterator[object]:
    """Give the roots of what a graph returns: its caller may write to each on its own."""
    for node in graph.find_nodes(op="output"):
        yield from (root_of(other, storages) for other in node.all_input_nodes)


def written(graph: Graph, storages: Mapping[Node, int]) -> Iterator[object]:
    """Give the roots of all that is written to."""
    for node in graph.nodes:
        if node.op == "call_function" and writes(node.target):
            yield from roots_written(node, storages)


def roots_written(node: Node, storages: Mapping[Node, int]) -> Iterator[object]:
    """Give the roots of what one operation writes to; of one that does not say, all that it takes."""
    schema = node.target._schema
    names = [
        argument.name
        for argument in schema.arguments
        if argument.alias_info and argument.alias_info.is_write
    ]
    values = dict(
        zip((argument.name for argument in schema.arguments), node.args, strict=False)
    ) | dict(node.kwargs)
    for value in [values.get(name) for name in names] or node.all_input_nodes:
        for each in value if isinstance(value, (tuple, list)) else (value,):
            if isinstance(each, Node):
                yield root_of(each, storages)


def root_of(node: Node, storages: Mapping[Node, int]) -> object:
    """Return the operation that made the memory that a node looks at, or the storage that came from outside."""
    while is_seen(node):
        node = node.all_input_nodes[0]
    return storages.get(node, node)


def is_seen(node: Node) -> bool:
    """Tell whether a node is a view of another one's result, or one of its several results."""
    return node.op == "call_function" and (
        node.target is operator.getitem or is_view(node.target)
    )


def packet(func: Callable[..., object]) -> object:
    """Return an operation whatever its overload."""
    return getattr(func, "overloadpacket", func)


def is_random(func: Callable[..., object]) -> bool:
    """Tell whether an operation draws."""
    return torch.Tag.nondeterministic_seeded in getattr(func, "tags", ())


def writes(func: Callable[..., object]) -> bool:
    """Tell whether an operation changes what it is given."""
    return hasattr(func, "_schema") and (
        func._schema.is_mutable or packet(func) in SILENT
    )


def is_view(func: Callable[..., object]) -> bool:
    """Tell whether an operation returns what it is given, seen another way."""
    returns = func._schema.returns if hasattr(func, "_schema") else ()
    if packet(func) in UNSAFE:
        return True
    return (
        bool(returns)
        and returns[0].alias_info is not None
        and not returns[0].alias_info.is_write
    )
