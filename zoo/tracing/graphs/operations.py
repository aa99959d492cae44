"""Properties of aten operations: whether one draws, writes, or returns a view."""

from __future__ import annotations

import operator
from functools import cache

import torch
from torch._ops import OpOverload
from torch.fx import Node
from torch.fx.node import Target

aten = torch.ops.aten

# Operations that write to their arguments, which their schemas do not say.
_UNDECLARED_WRITES = {
    aten.native_batch_norm,
    aten.cudnn_batch_norm,
    aten.miopen_batch_norm,
}

# Operations that return views, which their schemas do not say.
_UNDECLARED_VIEWS = {
    aten._unsafe_view,
    aten.unsafe_chunk,
    aten.unsafe_split,
    aten.unsafe_split_with_sizes,
}

# Operations that return memory with any content.
_UNINITIALISED = {
    aten.empty,
    aten.empty_like,
    aten.empty_strided,
    aten.new_empty,
    aten.new_empty_strided,
}


@cache
def is_random(operation: Target) -> bool:
    """Return whether an operation draws random numbers."""
    tags = getattr(operation, "tags", ())

    return torch.Tag.nondeterministic_seeded in tags


@cache
def is_pointwise(operation: Target) -> bool:
    """Return whether an operation acts on each element alone."""
    tags = getattr(operation, "tags", ())

    return torch.Tag.pointwise in tags


def is_uninitialised(operation: Target) -> bool:
    """Return whether an operation returns memory with any content."""
    return _all_overloads(operation) in _UNINITIALISED


@cache
def writes(operation: Target) -> bool:
    """Return whether an operation writes to its arguments."""
    if not isinstance(operation, OpOverload):
        return False

    is_undeclared = _all_overloads(operation) in _UNDECLARED_WRITES

    return operation._schema.is_mutable or is_undeclared


@cache
def is_view(operation: Target) -> bool:
    """Return whether an operation returns a view of its first argument."""
    if _all_overloads(operation) in _UNDECLARED_VIEWS:
        return True

    if not isinstance(operation, OpOverload):
        return False

    returns = operation._schema.returns
    alias = returns[0].alias_info if returns else None

    return alias is not None and not alias.is_write


def written_arguments(operation: OpOverload) -> list[str]:
    """Return the names of the arguments that an operation says it writes to."""
    names = []
    for argument in operation._schema.arguments:
        if argument.alias_info and argument.alias_info.is_write:
            names.append(argument.name)

    return names


def shares_memory(node: Node) -> bool:
    """Return whether a node is a view of another node's result, or one of its several results."""
    if node.op != "call_function":
        return False

    return node.target is operator.getitem or is_view(node.target)


def _all_overloads(operation: Target) -> object:
    """Return the operation that stands for all overloads of one."""
    return getattr(operation, "overloadpacket", operation)
