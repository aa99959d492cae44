"""The calls of layers in one run of a network: which weights, with inputs of which shapes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

Names = frozenset[str]

_LAYERS = (F.linear, F.conv1d, F.conv2d, F.conv3d)
_BATCH_NORM = (
    "input",
    "running_mean",
    "running_var",
    "weight",
    "bias",
    "training",
    "momentum",
    "eps",
)
# How nodes become a factor of a weight.
_OF_NODES = (
    torch.reshape,
    torch.mul,
    Tensor.reshape,
    Tensor.view,
    Tensor.mul,
    Tensor.__mul__,
    Tensor.__rmul__,
)


class LayerCall(NamedTuple):
    """A call of a layer whose weight has a name.

    Arguments:
        names: Names of the weight, and of the nodes that multiply it.
        shape: Shape of the input.
        dims: The dimensions along which examples can be: all but the last for a linear
            layer, the first for a convolution, none for a single vector or image.
    """

    names: Names
    shape: torch.Size
    dims: range


Change = Callable[[LayerCall, Tensor], Tensor]
"""Changes the output of a layer, given the call."""


class LayerCalls(TorchFunctionMode):
    """Notes what a network does with tensors that have names, while the network runs.

    Batch normalisation takes its running statistics, so that the examples of a batch do not
    depend on each other.

    Arguments:
        tensors: The tensors by name.
        nodes: Names of those that are no tensors of the network, but multiply a weight of it.
        change: Changes the output of a layer, given the call.
    """

    def __init__(
        self,
        tensors: Mapping[str, Tensor],
        nodes: Collection[str],
        change: Change | None = None,
    ) -> None:
        super().__init__()
        self.nodes = frozenset(nodes)
        self.change = change
        self.calls: list[LayerCall] = []
        self.in_layers: set[str] = set()  # tensors that are weights or biases of layers
        self.elsewhere: set[str] = set()  # tensors that other functions use
        self.transformed: set[str] = (
            set()
        )  # tensors used inside torch.vmap and the like

        self._named: dict[int, tuple[Tensor, Names]] = {}  # by `id`
        self._weight_of: dict[str, Names] = {}  # the weight of the layer of each bias
        for name, tensor in tensors.items():
            self._name(tensor, frozenset([name]))

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: tuple[type, ...],
        args: tuple = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run one function, and note the named tensors among its arguments."""
        kwargs = dict(kwargs or {})
        if func is F.batch_norm:
            self._note_elsewhere(self._names_in((args, kwargs)))
            return _normalise(args, kwargs)

        result = func(*args, **kwargs)
        if func in _LAYERS:
            return self._note_layer(func, args, kwargs, result)

        names = self._names_in((args, kwargs))
        if func in _OF_NODES and names & self.nodes:
            self._name(result, names)
            return result

        gives_tensors = any(isinstance(leaf, Tensor) for leaf in tree_leaves(result))
        if gives_tensors:  # a question about metadata gives none
            self._note_elsewhere(names)

        return result

    def _note_layer(
        self, layer: Callable[..., Tensor], args: tuple, kwargs: dict, output: Tensor
    ) -> Tensor:
        """Note a call of a layer, and return its output, changed."""
        named = dict(zip(("input", "weight", "bias"), args, strict=False)) | kwargs
        x = named["input"]
        weight = self._names_in(named["weight"])
        bias = self._names_in(named.get("bias"))

        is_transformed = torch._C._are_functorch_transforms_active()
        if not weight or is_transformed or self._names_in(x):
            self._note_elsewhere(weight | bias | self._names_in(x))
            return output

        self.in_layers |= weight | bias
        for name in bias:
            if self._weight_of.setdefault(name, weight) != weight:
                self.elsewhere.add(name)  # two layers share it

        call = _layer_call(weight, layer, x, named["weight"])
        self.calls.append(call)

        return output if self.change is None else self.change(call, output)

    def _note_elsewhere(self, names: Names) -> None:
        """Note names of tensors that a function uses which is no layer."""
        self.elsewhere |= names
        if torch._C._are_functorch_transforms_active():
            self.transformed |= names

    def _name(self, tensor: Tensor, names: Names) -> None:
        """Give a tensor names; it is kept, so that no other gets its `id`."""
        self._named[id(tensor)] = (tensor, names)

    def _names_in(self, arguments: Any) -> Names:
        """Return the names of all tensors among arguments."""
        found: Names = frozenset()
        for leaf in tree_leaves(arguments):
            if id(leaf) in self._named:
                _, names = self._named[id(leaf)]
                found |= names

        return found


def _layer_call(
    names: Names, layer: Callable[..., Tensor], x: Tensor, weight: Tensor
) -> LayerCall:
    """Describe a call of a layer."""
    if layer is F.linear:
        return LayerCall(names, x.shape, range(x.dim() - 1))

    is_batch = x.dim() == weight.dim()

    return LayerCall(names, x.shape, range(int(is_batch)))


def _normalise(args: tuple, kwargs: Mapping[str, Any]) -> Tensor:
    """Normalise each example by the running statistics, by 0 and 1 if there are none."""
    named = dict(zip(_BATCH_NORM, args, strict=False)) | dict(kwargs)
    named["training"] = False

    x = named["input"]
    if named["running_mean"] is None or named["running_var"] is None:
        named["running_mean"] = x.new_zeros(x.shape[1])
        named["running_var"] = x.new_ones(x.shape[1])

    return F.batch_norm(**named)
