"""A graph with fewer operations and the same bits: what is computed twice, once; what nothing needs, not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor
from torch.fx import Graph, Node

aten = torch.ops.aten
SILENT = {aten.native_batch_norm, aten.cudnn_batch_norm, aten.miopen_batch_norm}  # write, and do not say so
EMPTY = {aten.empty, aten.empty_like, aten.empty_strided, aten.new_empty, aten.new_empty_strided}


def simplify(graph: Graph, read: Mapping[Node, Tensor]) -> None:
    """Merge what is computed twice from the same values, and erase what nothing needs, in place.

    Arguments:
        graph: A graph of aten's operations.
        read: The tensor behind each input: those of one storage are written together.
    """
    storages = {node: tensor.untyped_storage()._cdata for node, tensor in read.items()}
    merge(graph, storages)
    graph.eliminate_dead_code(lambda node: node.op != "call_function" or writes(node.target) or is_random(node.target))


def merge(graph: Graph, storages: Mapping[Node, int]) -> None:
    """Let equal operations on equal values be one, but for those whose result is written to or returned."""
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
        given = tuple(versions.get(root_of(other, storages), 0) for other in node.all_input_nodes)
        key = (node.target, repr(node.args), repr(node.kwargs), given)
        earlier = seen.setdefault(key, node)
        if earlier is not node:
            node.replace_all_uses_with(earlier)
            graph.erase_node(node)


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
    names = [argument.name for argument in schema.arguments if argument.alias_info and argument.alias_info.is_write]
    values = dict(zip((argument.name for argument in schema.arguments), node.args, strict=False)) | dict(node.kwargs)
    for value in [values.get(name) for name in names] or node.all_input_nodes:
        for each in value if isinstance(value, (tuple, list)) else (value,):
            if isinstance(each, Node):
                yield root_of(each, storages)


def root_of(node: Node, storages: Mapping[Node, int]) -> object:
    """Return the operation that made the memory that a node looks at, or the storage that came from outside."""
    while node.op == "call_function" and (not hasattr(node.target, "_schema") or is_view(node.target)):
        node = node.all_input_nodes[0]  # a view of it, or one of several results
    return storages.get(node, node)


def packet(func: Callable[..., object]) -> object:
    """Return an operation whatever its overload."""
    return getattr(func, "overloadpacket", func)


def is_random(func: Callable[..., object]) -> bool:
    """Tell whether an operation draws."""
    return torch.Tag.nondeterministic_seeded in getattr(func, "tags", ())


def writes(func: Callable[..., object]) -> bool:
    """Tell whether an operation changes what it is given."""
    return hasattr(func, "_schema") and (func._schema.is_mutable or packet(func) in SILENT)


def is_view(func: Callable[..., object]) -> bool:
    """Tell whether an operation returns what it is given, seen another way."""
    returns = func._schema.returns if hasattr(func, "_schema") else ()
    return bool(returns) and returns[0].alias_info is not None and not returns[0].alias_info.is_write
