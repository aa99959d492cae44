"""Lazily sampled nodes: a layer multiplies the channels of each example, and not its weight.

`guides._lazy.lazy` explains how a lazily sampled tensor works.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from guides._lazy.examples import per_example
from guides._lazy.lazy import Layer, Lazy, plain

_VIEWS = (torch.Tensor.reshape, torch.Tensor.view, torch.reshape)
_PRODUCTS = (torch.Tensor.mul, torch.Tensor.__mul__, torch.Tensor.__rmul__, torch.mul)


class NodeDraw:
    """The draw of one node site: z (C,) for one function, or z (B, C) for the examples of a batch.

    Arguments:
        once: Draws z (C,).
        each: Draws z (B, C) given B.
    """

    def __init__(
        self, once: Callable[[], Tensor], each: Callable[[int], Tensor]
    ) -> None:
        self.once = once
        self.each = each
        self.value: Tensor | None = None
        self.rows: Tensor | None = None

    def single(self) -> Tensor:
        """Return z (C,), the same at every call."""
        if self.value is None:
            self.value = self.once()

        return self.value

    def batch(self, size: int) -> Tensor:
        """Return z (B, C), the same at every call: a layer may be applied more than once."""
        if self.rows is None or len(self.rows) != size:
            self.rows = self.each(size)

        return self.rows


class LazyNodes(Lazy):
    """Node variables, or a view of them with a shape that broadcasts against a weight.

    Arguments:
        like: A tensor with the shape, dtype and device of the view.
        source: The draw that all views of the nodes share.
    """

    def __init__(self, like: Tensor, source: NodeDraw) -> None:
        self.source = source

    def draw(self) -> Tensor:
        """Return the draw for one function, in the shape of this view."""
        return self.source.single().reshape(tuple(self.shape))

    def intercept(self, func: Callable[..., Any], args: tuple, kwargs: Mapping) -> Any:
        """Keep views of z lazy, and products of z with a weight."""
        if self.source.value is not None:
            return NotImplemented

        if func in _VIEWS and args[0] is self:
            view = LazyNodes(_reshaped(self, args[1:]), self.source)
            view.examples = self.examples
            return view

        if func in _PRODUCTS:
            weight = args[1] if args[0] is self else args[0]
            if isinstance(weight, Tensor) and _scales_channels(self, weight):
                return ScaledWeight(weight, weight, self)

        return NotImplemented


class ScaledWeight(Lazy):
    """A weight times nodes on its input or output channels; the weight itself may be lazy.

    Arguments:
        like: A tensor with the shape, dtype and device of the product.
        weight: The weight.
        nodes: The nodes, in a shape that broadcasts against the weight.
    """

    def __init__(self, like: Tensor, weight: Tensor, nodes: LazyNodes) -> None:
        self.weight = weight
        self.nodes = nodes
        self.examples = nodes.examples

    def draw(self) -> Tensor:
        """Multiply one draw of the weight by one draw of the nodes."""
        product = plain(self.weight) * plain(self.nodes)
        return product.reshape(tuple(self.shape))

    def intercept(self, func: Callable[..., Any], args: tuple, kwargs: Mapping) -> Any:
        """Stay lazy when the weight of a grouped convolution gets its shape back."""
        if func in _VIEWS and args[0] is self and self.drawn is None:
            return ScaledWeight(_reshaped(self, args[1:]), self.weight, self.nodes)

        return NotImplemented

    def output(
        self, layer: Layer, x: Tensor, bias: Tensor | None, *args: Any, **kwargs: Any
    ) -> Tensor | None:
        """Multiply the channels of each example's input, or of its output before the bias."""
        if self.nodes.source.value is not None:
            return None

        place = self.place(x)
        if place is None:
            return None

        z = self.nodes.source.batch(place.num_examples)  # (B, C)
        weight = self.weight

        if weight.shape != self.shape:
            weight = weight.reshape(tuple(self.shape))

        if self._is_on_inputs():
            factor = per_example(z, x, layer, place)
            return _on_scaled_input(layer, x, factor, weight, bias, *args, **kwargs)

        output = layer(x, weight, None, *args, **kwargs)
        factor = per_example(z, output, layer, place)

        if bias is None:
            return output * factor

        bias = plain(bias)
        if layer is not F.linear:
            bias = bias.reshape(-1, *[1] * (x.dim() - 2))

        return torch.addcmul(bias, output, factor)

    def _is_on_inputs(self) -> bool:
        """Return whether the input is multiplied, and not the output.

        A single factor can be applied to either, since a layer is linear. It is applied
        to the output, where it is cheaper.
        """
        if self.nodes.numel() == 1:
            return False

        # The nodes of a grouped convolution have a dimension for the groups, then one for
        # the inputs of a group.
        is_grouped = self.nodes.dim() > self.dim()

        return is_grouped or self.nodes.shape[0] == 1


def _on_scaled_input(
    layer: Layer, x: Tensor, z: Tensor, *args: Any, **kwargs: Any
) -> Tensor:
    """Return layer(x z, ...), where the backward pass computes x z again.

    The product is as large as x, so it is not stored between the two passes.
    """
    product = x * z
    if torch._C._are_functorch_transforms_active():  # they do not allow the hooks
        return layer(product, *args, **kwargs)

    product_id = id(product)

    def pack(tensor: Tensor) -> Tensor | None:
        return None if id(tensor) == product_id else tensor

    def unpack(stored: Tensor | None) -> Tensor:
        return x.detach() * z.detach() if stored is None else stored

    with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
        return layer(product, *args, **kwargs)


def _scales_channels(nodes: Tensor, weight: Tensor) -> bool:
    """Return whether nodes have the dimensions of a weight, and their product its shape."""
    if nodes.dim() < 2 or nodes.dim() != weight.dim():
        return False

    pairs = zip(nodes.shape, weight.shape, strict=True)

    return all(own in (1, other) for own, other in pairs)


def _reshaped(tensor: Lazy, shape: tuple) -> Tensor:
    """Return an empty tensor with the shape that `tensor.reshape(*shape)` has."""
    on_meta = torch.empty(tuple(tensor.shape), device="meta")
    new_shape = on_meta.reshape(*shape).shape

    return torch.empty(new_shape, dtype=tensor.dtype, device=tensor.device)
