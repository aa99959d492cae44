"""Which entries of which tensors belong to one hidden unit, found by running the network once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree

FIXED, ZERO = 0, -1  # labels of inputs and outputs, and of padded zeros
_LAYERS = {"linear", "conv1d", "conv2d", "conv3d"}
_REARRANGING = {
    *("view", "reshape", "flatten", "unflatten", "permute", "transpose", "movedim"),
    *("squeeze", "unsqueeze", "__getitem__", "contiguous", "cat", "concat", "__get__"),
}
_REDUCING = {"mean", "sum", "amax"}
_POOLING = {
    *("max_pool1d", "max_pool2d", "max_pool3d", "adaptive_max_pool2d"),
    *("boolean_dispatch", "fn"),  # max_pool2d of torch.nn.functional
    *("avg_pool1d", "avg_pool2d", "avg_pool3d", "adaptive_avg_pool2d"),
}
_ADDING = {"add", "add_", "__add__", "__iadd__", "__radd__", "sub", "__sub__"}
_ODD = {
    *("tanh", "tanh_", "sin", "asinh", "atan", "erf", "hardtanh", "softsign", "neg"),
    *("dropout", "dropout1d", "dropout2d", "dropout3d", "batch_norm", "clone"),
}
_EVEN_OF_NORM = (
    "running_var",
    "weight",
)  # what keeps its sign if the units change theirs


class UnknownFunction(ValueError):
    """A function of the network of which it is not known what it does to units."""


@dataclass(frozen=True)
class LabelledAxis:
    """The labels of the entries along a dimension of a tensor.

    Arguments:
        name: Name of the tensor.
        dim: The dimension.
        labels: A label for each entry.
        flips: Whether the entries change sign with their unit.
    """

    name: str
    dim: int
    labels: Tensor
    flips: bool


class Labels:
    """Labels of units; labels that must be of one unit are joined.

    Label 0 is of all that stays: the inputs and the outputs of the network.
    """

    def __init__(self) -> None:
        self._parents = [FIXED]
        self._has_other = [True]  # whether a function that is not odd has seen the unit

    def new(self, number: int) -> Tensor:
        """Return labels of new units."""
        begin = len(self._parents)
        self._parents += range(begin, begin + number)
        self._has_other += [False] * number

        return torch.arange(begin, begin + number)

    def join(self, one: Tensor, other: Tensor) -> Tensor:
        """Join labels entry by entry, and return them; a padded zero has the other's label."""
        both = torch.stack(torch.broadcast_tensors(one, other), -1)
        for first, second in both.reshape(-1, 2).unique(dim=0).tolist():
            if ZERO in (first, second):
                continue

            first, second = sorted((self.root(first), self.root(second)))
            self._parents[second] = first
            self._has_other[first] |= self._has_other[second]

        return both.amax(-1)

    def not_odd(self, labels: Tensor) -> None:
        """Remember that a function that is not odd has seen these units."""
        for label in labels.unique().tolist():
            if label != ZERO:
                self._has_other[self.root(label)] = True

    def is_odd(self, label: int) -> bool:
        """Return whether all functions that have seen a unit are odd."""
        return not self._has_other[self.root(label)]

    def root(self, label: int) -> int:
        """Return the label that stands for all that are joined with one."""
        while self._parents[label] != label:
            label = self._parents[label]

        return label

    def roots(self, labels: Tensor) -> Tensor:
        """Return the labels that stand for others, ZERO for padded zeros."""
        values = [each if each == ZERO else self.root(each) for each in labels.tolist()]

        return torch.tensor(values)


class LabelMode(TorchFunctionMode):
    """Follows the hidden units through the functions of a network while it runs.

    Each intermediate result has a tensor of labels of its shape. A layer gives its outputs new
    labels, and its weight those of its inputs. Views and padding do to labels what they do to
    values, sums join them, and other functions that keep the shape keep the labels.

    Arguments:
        names: Name of each parameter and buffer by its id.
        inputs: The inputs of the network.
    """

    def __init__(self, names: Mapping[int, str], inputs: Sequence[Tensor]) -> None:
        super().__init__()
        self.labels = Labels()
        self.places: list[LabelledAxis] = []
        self._names = names
        self._of: dict[int, Tensor] = {}
        self._kept: list[Tensor] = []  # so that no id is used twice
        for tensor in inputs:
            self._set(tensor, torch.full(tensor.shape, FIXED))

    def __torch_function__(
        self, func: Callable, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Run a function, and give its result labels."""
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        leaves = _pytree.tree_leaves((args, kwargs))
        labelled = [leaf for leaf in leaves if id(leaf) in self._of]
        if labelled and isinstance(result, Tensor):
            name = getattr(func, "__name__", str(func))
            self._set(result, self._labels(name, func, args, kwargs, labelled, result))

        return result

    def finish(self, output: Tensor) -> None:
        """Fix the units that are outputs of the network."""
        self.labels.join(self._of[id(output)], torch.tensor(FIXED))

    def _set(self, tensor: Tensor, labels: Tensor) -> None:
        self._of[id(tensor)] = labels
        self._kept.append(tensor)

    def _labels(
        self,
        name: str,
        func: Callable,
        args: Any,
        kwargs: Any,
        labelled: list[Tensor],
        result: Tensor,
    ) -> Tensor:
        """Return the labels of the result of a function."""
        own = [self._of[id(tensor)] for tensor in labelled]
        if name in _LAYERS:
            return self._of_layer(name, args, kwargs, own[0], result)

        if name == "batch_norm":
            self._of_norm(args, kwargs, _of_channels(name, own[0], 1))
            return own[0]

        if any(id(leaf) in self._names for leaf in _pytree.tree_leaves((args, kwargs))):
            raise UnknownFunction(name)

        if name == "pad":
            return _padded(func, args, kwargs, own[0])

        if name in _REARRANGING:
            return self._rearranged(func, args, kwargs)

        if name in _REDUCING:
            dims = args[1] if len(args) > 1 else kwargs.get("dim")
            return _reduced(name, own[0], dims, kwargs.get("keepdim", False))

        if name in _POOLING:
            self._note_oddness(name, own[0])
            channels = _of_channels(name, own[0], 1)
            return _expanded(channels, 1, result)

        return self._elementwise(name, own, result)

    def _of_layer(
        self, name: str, args: Any, kwargs: Any, inputs: Tensor, result: Tensor
    ) -> Tensor:
        """Give the outputs of a layer new labels, and its weight the labels at both sides."""
        weight = args[1] if len(args) > 1 else kwargs["weight"]
        bias = args[2] if len(args) > 2 else kwargs.get("bias")
        groups = args[6] if len(args) > 6 else kwargs.get("groups", 1)
        if id(weight) not in self._names or groups != 1:
            raise UnknownFunction(f"{name} with groups or with a computed weight")

        dim = -1 if name == "linear" else 1
        before = _of_channels(name, inputs, dim)
        after = self.labels.new(len(weight))
        self._place(weight, 1, before)
        self._place(weight, 0, after)
        if bias is not None:
            self._place(bias, 0, after)

        return _expanded(after, dim, result)

    def _of_norm(self, args: Any, kwargs: Any, channels: Tensor) -> None:
        """Give the tensors of a normalisation the labels of its channels."""
        for leaf in _pytree.tree_leaves((args[1:], kwargs)):
            if id(leaf) in self._names:
                is_even = self._names[id(leaf)].endswith(_EVEN_OF_NORM)
                self._place(leaf, 0, channels, flips=not is_even)

    def _place(
        self, tensor: Tensor, dim: int, labels: Tensor, *, flips: bool = True
    ) -> None:
        name = self._names.get(id(tensor))
        if name is None:
            raise UnknownFunction("a layer with a computed weight")

        self.places.append(LabelledAxis(name, dim, labels, flips))

    def _rearranged(self, func: Callable, args: Any, kwargs: Any) -> Tensor:
        """Do to the labels what a function does to values."""

        def labels_of(leaf: Any) -> Any:
            return self._of.get(id(leaf), leaf)

        args, kwargs = _pytree.tree_map(labels_of, (args, kwargs))

        return func(*args, **kwargs)

    def _elementwise(self, name: str, own: list[Tensor], result: Tensor) -> Tensor:
        """Return the labels of a function of every element, of one or of several results."""
        found = own[0]
        for other in own[1:]:
            found = self.labels.join(found, other)

        if found.shape != result.shape:
            raise UnknownFunction(name)

        self._note_oddness(name, found)

        return found

    def _note_oddness(self, name: str, labels: Tensor) -> None:
        """Remember whether a function is odd; averages are."""
        if name not in _ODD | _ADDING and not name.startswith(("avg", "adaptive_avg")):
            self.labels.not_odd(labels)


def _of_channels(name: str, labels: Tensor, dim: int) -> Tensor:
    """Return the label of each channel, which must be the same everywhere."""
    dims = [number for number in range(labels.dim()) if number != dim % labels.dim()]

    return _reduced(name, labels, dims, keepdim=False)


def _reduced(name: str, labels: Tensor, dims: Any, keepdim: bool) -> Tensor:
    """Return the one label of all entries along dimensions, where padded zeros do not count."""
    found = labels.amax(dims, keepdim=True)
    if not bool(((labels == found) | (labels == ZERO)).all()):
        raise UnknownFunction(f"{name} over different units")

    return labels.amax(dims, keepdim=keepdim)


def _expanded(channels: Tensor, dim: int, result: Tensor) -> Tensor:
    """Return labels of channels as labels of a result."""
    shape = [1] * result.dim()
    shape[dim] = len(channels)

    return channels.reshape(shape).expand(result.shape)


def _padded(func: Callable, args: Any, kwargs: Any, labels: Tensor) -> Tensor:
    """Return padded labels: added zeros are no unit."""
    mode = args[2] if len(args) > 2 else kwargs.get("mode", "constant")
    value = args[3] if len(args) > 3 else kwargs.get("value")
    if mode != "constant" or value:
        raise UnknownFunction(f"pad with mode={mode!r}, value={value}")

    sizes = args[1] if len(args) > 1 else kwargs["pad"]

    return func(labels, sizes, value=ZERO)
