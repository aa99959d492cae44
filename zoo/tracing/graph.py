"""The graph of a program: its tensor operations in order, and every tensor that it reads as an input."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor
from torch.fx import Graph, GraphModule, Node
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakTensorKeyDictionary

from zoo.tracing.simplify import is_random, is_view, simplify, writes

ASKED = {
    torch.Tag.data_dependent_output,
    torch.Tag.dynamic_output_shape,
}  # Python learns a value, or a size from one
Function = Callable[..., tuple[Tensor, ...]]


def trace(
    function: Function, inputs: Sequence[Tensor]
) -> tuple[GraphModule, list[Tensor]]:
    """Trace a function of tensors once: its graph, and the tensors that it reads beside its inputs.

    What a program reads from elsewhere (parameters, buffers, data) becomes a further
    input of the graph, so that its later values are seen. Random draws are operations
    like any other: every run of the graph draws afresh. Python's own values are frozen
    as they are now. The program runs, once, at the speed that it has.

    Arguments:
        function: Any Python function of tensors that returns tensors; it may take
            gradients inside.
        inputs: Tensors to call it with.

    Raises:
        Exception: Whatever stops the program from being traced; `statement` names the
            line.
    """
    inputs = [apart(tensor, inputs[:number]) for number, tensor in enumerate(inputs)]
    recorder = Recorder(inputs)
    with recorder:
        outputs = function(*inputs)
    recorder.graph.output(tuple(recorder.node(tensor) for tensor in outputs))
    simplify(
        recorder.graph,
        {
            node: tensor
            for tensor, node in zip(recorder.read, recorder.places, strict=True)
        },
    )
    return GraphModule({}, recorder.graph), recorder.read[len(inputs) :]


class Recorder(TorchDispatchMode):
    """Writes down every operation below autograd and functorch, with the tensors that it takes and gives.

    Arguments:
        inputs: The program's own inputs.
    """

    def __init__(self, inputs: Sequence[Tensor]) -> None:
        super().__init__()
        self.graph = Graph()
        self.nodes = WeakTensorKeyDictionary()
        self.fixed = (
            WeakTensorKeyDictionary()
        )  # constants of the program, whose value Python may ask for
        self.read: list[Tensor] = []
        self.places: list[Node] = []
        for number, tensor in enumerate(inputs):
            self.place(f"input_{number}", tensor)

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Tell torch not to guard this against its compiler, whose import takes seconds."""
        return False

    def place(self, name: str, tensor: Tensor) -> Node:
        """Make a tensor from elsewhere an input, behind those that are there."""
        with (
            self.graph.inserting_after(self.places[-1])
            if self.places
            else self.graph.inserting_before()
        ):
            node = self.graph.placeholder(name)
        self.read.append(tensor)
        self.places.append(node)
        self.nodes[tensor] = node
        return node

    def node(self, tensor: Tensor) -> Node:
        """Return what stands for a tensor."""
        known = self.nodes.get(tensor)
        return (
            self.place(f"captured_{len(self.read)}", tensor) if known is None else known
        )

    def __torch_dispatch__(
        self,
        func: Callable[..., object],
        types: tuple,
        args: tuple = (),
        kwargs: Mapping | None = None,
    ) -> object:
        kwargs = dict(kwargs or {})
        given: list[Tensor] = []

        def noted(tensor: Tensor) -> Node:
            given.append(tensor)
            return self.node(tensor)

        named = (
            replaced(args, noted),
            {key: replaced(value, noted) for key, value in kwargs.items()},
        )
        fixed = all(tensor in self.fixed for tensor in given) and not is_random(func)
        if (
            func is torch.ops.aten.lift_fresh.default
        ):  # a literal, which every run begins with anew
            func, fixed = torch.ops.aten.lift_fresh_copy.default, True
        if not fixed and asks(func, args):
            raise RuntimeError(
                f"it reads a value out of a tensor ({func}), which no graph can know beforehand; decide by "
                "tensors, torch.where say"
            )
        result = func(*args, **kwargs)
        if writes(func) and not fixed:
            self.fixed.clear()  # what is written may be seen through another tensor
        self.record(func, named, result, given, fixed and not writes(func))
        return result

    def record(
        self,
        func: Callable[..., object],
        named: tuple,
        result: object,
        given: list[Tensor],
        fixed: bool,
    ) -> None:
        """Write one operation down, unless it gives what it was given."""
        if isinstance(result, Tensor) and is_view(func) and is_same(result, given[0]):
            self.nodes[result] = self.node(given[0])
            self.fixed.update({result: True} if fixed else {})
            return
        made = self.graph.call_function(func, *named)
        several = isinstance(result, (tuple, list))
        for number, tensor in enumerate(result if several else (result,)):
            if isinstance(tensor, Tensor):
                made.meta["bytes"] = made.meta.get("bytes", 0) + tensor.nbytes
                if tensor not in self.nodes:
                    self.nodes[tensor] = (
                        self.graph.call_function(operator.getitem, (made, number))
                        if several
                        else made
                    )
                self.fixed.update({tensor: True} if fixed else {})


def apart(tensor: Tensor, others: Sequence[Tensor]) -> Tensor:
    """Return a tensor that is none of the others, which may be handed over twice and later be two."""
    again = any(tensor is other for other in others)
    return tensor.detach().requires_grad_(tensor.requires_grad) if again else tensor


def replaced(value: object, change: Callable[[Tensor], object]) -> object:
    """Replace the tensors in an operation's arguments."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, (tuple, list)):
        return type(value)(replaced(part, change) for part in value)
    return value


def asks(func: Callable[..., object], args: tuple) -> bool:
    """Tell whether Python learns a value from an operation, or a size that depends on values."""
    if func is torch.ops.aten.index.Tensor:
        return any(
            index is not None and index.dtype in (torch.bool, torch.uint8)
            for index in args[1]
        )
    return not ASKED.isdisjoint(func.tags)


def is_same(one: Tensor, other: Tensor) -> bool:
    """Tell whether a tensor is another one seen through the same window."""
    return (
        one.dtype == other.dtype
        and one.shape == other.shape
        and one.stride() == other.stride()
        and one.storage_offset() == other.storage_offset()
        and (one.is_conj(), one.is_neg()) == (other.is_conj(), other.is_neg())
    )
