"""Lazily sampled nodes: z multiplies a weight, and a layer then multiplies the channels of each example instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from guides._lazy.lazy import Lazy, per_example, plain

VIEWS = (torch.Tensor.reshape, torch.Tensor.view, torch.reshape)
PRODUCTS = (torch.Tensor.mul, torch.Tensor.__mul__, torch.Tensor.__rmul__, torch.mul)


class NodeDraw:
    """The draw behind one node site: z (C,) once for one function, or z (B, C) for the examples of a batch.

    Arguments:
        once: Draws z (C,).
        each: Draws z (B, C) given B.
    """

    def __init__(
        self, once: Callable[[], Tensor], each: Callable[[int], Tensor]
    ) -> None:
        self.once, self.each = once, each
        self.value: Tensor | None = None
        self.rows: Tensor | None = None

    def single(self) -> Tensor:
        """Return z (C,), the same one at every call."""
        if self.value is None:
            self.value = self.once()
        return self.value

    def batch(self, size: int) -> Tensor:
        """Return z (B, C), the same one at every call, for a layer may be applied more than once."""
        if self.rows is None:
            self.rows = self.each(size)
        if len(self.rows) != size:
            raise ValueError(
                f"a layer with nodes met a batch of {len(self.rows)} and then one of {size}: the batch must be the "
                "first dimension of every layer's input; give such layers Frozen() nodes"
            )
        return self.rows


class LazyNodes(Lazy):
    """Node variables, or a view of them in a shape that broadcasts against a weight."""

    def __init__(self, like: Tensor, source: NodeDraw) -> None:
        self.source = source

    def draw(self) -> Tensor:
        """Return the draw for one function in the shape of this view."""
        return self.source.single().reshape(tuple(self.shape))

    def intercept(
        self, func: Callable[..., object], args: tuple, kwargs: Mapping
    ) -> object:
        """Keep views of z lazy, and products of them with a weight."""
        if self.source.value is not None:
            return NotImplemented
        if func in VIEWS and args[0] is self:
            return LazyNodes(reshaped(self, args[1:]), self.source)
        if func in PRODUCTS:
            weight = args[1] if args[0] is self else args[0]
            if (
                isinstance(weight, Tensor)
                and self.dim() >= 2
                and broadcasts(self, weight)
            ):
                return ScaledWeight(weight, weight, self)
        return NotImplemented


class ScaledWeight(Lazy):
    """A weight times nodes on its input or output channels; the weight itself may be lazily sampled."""

    def __init__(self, like: Tensor, weight: Tensor, nodes: LazyNodes) -> None:
        self.weight, self.nodes = weight, nodes

    def draw(self) -> Tensor:
        """Multiply one draw of the weight by one draw of the nodes."""
        return (plain(self.weight) * plain(self.nodes)).reshape(tuple(self.shape))

    def intercept(
        self, func: Callable[..., object], args: tuple, kwargs: Mapping
    ) -> object:
        """Stay lazy when the weight of a grouped convolution gets its shape back."""
        if func in VIEWS and args[0] is self and self.drawn is None:
            return ScaledWeight(reshaped(self, args[1:]), self.weight, self.nodes)
        return NotImplemented

    def output(
        self,
        layer: Callable[..., Tensor],
        x: Tensor,
        bias: Tensor | None,
        *args: object,
        **kwargs: object,
    ) -> Tensor | None:
        """Multiply the channels of each example's input, or of its output before the bias."""
        if self.nodes.source.value is not None:
            return None
        z = self.nodes.source.batch(len(x))  # (B, C)
        weight = (
            self.weight
            if self.weight.shape == self.shape
            else self.weight.reshape(tuple(self.shape))
        )
        grouped = (
            self.nodes.dim() > self.dim()
        )  # z has a dimension for the groups, then one for their inputs
        alone = (
            self.nodes.numel() == 1
        )  # a layer is linear: one factor is as well put behind it, where it is cheaper
        if not alone and (grouped or self.nodes.shape[0] == 1):
            return on_scaled_input(
                layer, x, per_example(z, x, layer), weight, bias, *args, **kwargs
            )
        output = layer(x, weight, None, *args, **kwargs)
        z = per_example(z, output, layer)
        if bias is None:
            return output * z
        bias = plain(bias)
        return torch.addcmul(
            bias if layer is F.linear else bias.reshape(-1, *[1] * (x.dim() - 2)),
            output,
            z,
        )


def on_scaled_input(
    layer: Callable[..., Tensor], x: Tensor, z: Tensor, *args: object, **kwargs: object
) -> Tensor:
    """Return layer(x z, ...), where x z is not kept for the way back but multiplied anew: it is as big as x."""
    product = x * z
    if torch._C._are_functorch_transforms_active():  # these keep what they keep
        return layer(product, *args, **kwargs)
    known = id(product)

    def pack(tensor: Tensor) -> Tensor | None:
        return None if id(tensor) == known else tensor

    def unpack(kept: Tensor | None) -> Tensor:
        return x.detach() * z.detach() if kept is None else kept

    with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
        return layer(product, *args, **kwargs)


def broadcasts(nodes: Tensor, weight: Tensor) -> bool:
    """Tell whether nodes have the weight's dimensions, and their product its shape."""
    pairs = zip(nodes.shape, weight.shape, strict=False)
    return nodes.dim() == weight.dim() and all(
        own in (1, other) for own, other in pairs
    )


def reshaped(tensor: Lazy, shape: tuple) -> Tensor:
    """Return an empty tensor with the shape that `reshape` would give."""
    shape = torch.empty(tuple(tensor.shape), device="meta").reshape(*shape).shape
    return torch.empty(shape, dtype=tensor.dtype, device=tensor.device)
