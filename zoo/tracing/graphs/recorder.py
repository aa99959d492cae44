"""The recorder of a program: it notes every tensor operation that Python runs."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.fx import Graph, Node
from torch.utils.weak import WeakTensorKeyDictionary

from zoo.tracing.graphs.operation_mode import OperationMode
from zoo.tracing.graphs.operations import is_random, is_view, writes

aten = torch.ops.aten

# Tags of operations that give Python a value, or a size that depends on values.
_READING_TAGS = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}


class Recorder(OperationMode):
    """Records every operation below autograd and functorch, with its arguments and results.

    Arguments:
        inputs: The program's own inputs.
    """

    def __init__(self, inputs: Sequence[Tensor]) -> None:
        super().__init__()
        self.graph = Graph()
        self.read: list[Tensor] = []  # the inputs, then what else the program reads
        self.placeholders: list[Node] = []  # of `read`, in the same order

        self._nodes = WeakTensorKeyDictionary()  # the node of each tensor
        # tensors made of the program's own numbers, whose values Python may read
        self._constants = WeakTensorKeyDictionary()

        for number, tensor in enumerate(inputs):
            self._add_input(f"input_{number}", tensor)

    def node(self, tensor: Tensor) -> Node:
        """Return the node of a tensor; one that is not known becomes an input of the graph."""
        known = self._nodes.get(tensor)
        if known is not None:
            return known

        return self._add_input(f"captured_{len(self.read)}", tensor)

    def _add_input(self, name: str, tensor: Tensor) -> Node:
        """Add an input behind the present ones."""
        if self.placeholders:
            place = self.graph.inserting_after(self.placeholders[-1])
        else:
            place = self.graph.inserting_before()

        with place:
            node = self.graph.placeholder(name)

        self.read.append(tensor)
        self.placeholders.append(node)
        self._nodes[tensor] = node

        return node

    def __torch_dispatch__(
        self,
        func: OpOverload,
        types: tuple,
        args: tuple = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run one operation and record it."""
        kwargs = dict(kwargs or {})
        _refuse_generator(kwargs)
        tensors: list[Tensor] = []

        def node_of(tensor: Tensor) -> Node:
            tensors.append(tensor)
            return self.node(tensor)

        node_args = _replaced(args, node_of)
        node_kwargs = {}
        for key, value in kwargs.items():
            node_kwargs[key] = _replaced(value, node_of)

        of_constants = all(tensor in self._constants for tensor in tensors)
        is_constant = of_constants and not is_random(func)
        if func is aten.lift_fresh.default:  # a literal: every run starts with a copy
            func = aten.lift_fresh_copy.default
            is_constant = True

        if not is_constant and _reads_value(func, args):
            raise RuntimeError(
                f"it reads a value from a tensor ({func}), which a graph cannot do; use a tensor "
                "operation, e.g. torch.where"
            )

        result = func(*args, **kwargs)
        if writes(func):
            if not is_constant:
                self._constants.clear()  # a constant may share the memory written to

            is_constant = False

        if _is_same_tensor(func, result, tensors):
            self._nodes[result] = self.node(tensors[0])
            self._note_constant(result, is_constant)
        else:
            node = self.graph.call_function(func, node_args, node_kwargs)
            self._record_results(node, result, is_constant)

        return result

    def _record_results(self, node: Node, result: Any, is_constant: bool) -> None:
        """Note the tensors that an operation returns."""
        is_several = isinstance(result, (tuple, list))
        results = result if is_several else (result,)
        node.meta["bytes"] = 0

        for number, tensor in enumerate(results):
            if not isinstance(tensor, Tensor):
                continue

            node.meta["bytes"] += tensor.nbytes
            self._note_constant(tensor, is_constant)
            if tensor in self._nodes:
                continue

            own = node
            if is_several:
                own = self.graph.call_function(operator.getitem, (node, number))

            self._nodes[tensor] = own

    def _note_constant(self, tensor: Tensor, is_constant: bool) -> None:
        """Note a tensor whose value is the same in every run."""
        if is_constant:
            self._constants[tensor] = True


def _replaced(value: Any, change: Callable[[Tensor], Node]) -> Any:
    """Replace the tensors in the arguments of an operation."""
    if isinstance(value, Tensor):
        return change(value)

    if isinstance(value, (tuple, list)):
        return type(value)(_replaced(part, change) for part in value)

    return value


def _refuse_generator(kwargs: Mapping[str, Any]) -> None:
    """Refuse an operation that draws from a generator of its own."""
    if isinstance(kwargs.get("generator"), torch.Generator):
        raise RuntimeError(
            "it draws from a torch.Generator, which a graph cannot do; omit generator="
        )


def _reads_value(func: OpOverload, args: tuple) -> bool:
    """Return whether an operation gives Python a value, or a size that depends on values."""
    if func is not aten.index.Tensor:
        return not _READING_TAGS.isdisjoint(func.tags)

    # an index with a mask has as many rows as the mask has true elements
    return any(map(_is_mask, args[1]))


def _is_mask(index: Tensor | None) -> bool:
    """Return whether an index chooses elements by true and false."""
    return index is not None and index.dtype in (torch.bool, torch.uint8)


def _is_same_tensor(func: OpOverload, result: Any, tensors: Sequence[Tensor]) -> bool:
    """Return whether the result is a view that shows all of the first argument as it is."""
    if not isinstance(result, Tensor) or not is_view(func):
        return False

    first = tensors[0]

    return (
        result.dtype == first.dtype
        and result.shape == first.shape
        and result.stride() == first.stride()
        and result.storage_offset() == first.storage_offset()
        and result.is_conj() == first.is_conj()
        and result.is_neg() == first.is_neg()
    )
