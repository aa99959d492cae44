"""Lazily sampled tensors: a draw that knows its distribution, so that a layer may sample its output instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._pytree import tree_map

LAYERS = (F.linear, F.conv1d, F.conv2d, F.conv3d)
ATTRIBUTES = (
    "shape",
    "dtype",
    "device",
    "ndim",
    "requires_grad",
    "layout",
    "is_leaf",
    "grad_fn",
)
METADATA = (
    *(getattr(torch.Tensor, name).__get__ for name in ATTRIBUTES),
    *(
        torch.Tensor.size,
        torch.Tensor.dim,
        torch.Tensor.numel,
        torch.Tensor.is_floating_point,
    ),
)


class Lazy(torch.Tensor):
    """A tensor that has not been drawn yet.

    Given to a linear or convolution layer as its weight, it makes the layer's output
    itself (`output`). Anything else that is done with it sees one ordinary draw
    (`value`), the same one however often it is asked for. It knows nothing of the
    network: only the functions that are called with it.

    Arguments:
        like: A tensor with the shape, dtype and device of a draw.
    """

    drawn: Tensor | None = None

    @staticmethod
    def __new__(cls: type[Lazy], like: Tensor, *args: object, **kwargs: object) -> Lazy:
        """Make a tensor without storage."""
        return torch.Tensor._make_wrapper_subclass(
            cls, like.shape, dtype=like.dtype, device=like.device
        )

    def draw(self) -> Tensor:
        """Draw the tensor once."""
        raise NotImplementedError

    def output(
        self,
        layer: Callable[..., Tensor],
        x: Tensor,
        bias: Tensor | None,
        *args: object,
        **kwargs: object,
    ) -> Tensor | None:
        """Return the layer's output on a batch x, or None where an ordinary draw has to do."""
        return None

    def intercept(
        self, func: Callable[..., object], args: tuple, kwargs: Mapping
    ) -> object:
        """Answer another function than a layer, or return `NotImplemented`."""
        return NotImplemented

    @property
    def value(self) -> Tensor:
        """The ordinary draw."""
        if self.drawn is None:
            self.drawn = self.draw()
        return self.drawn

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., object],
        types: tuple,
        args: tuple = (),
        kwargs: Mapping | None = None,
    ) -> object:
        kwargs = kwargs or {}
        if func in METADATA:
            with torch._C.DisableTorchFunctionSubclass():
                return func(*args, **kwargs)
        if func in LAYERS:
            named = dict(zip(("input", "weight", "bias"), args, strict=False)) | dict(
                kwargs
            )
            x, weight, bias = (
                named.pop("input"),
                named.pop("weight"),
                named.pop("bias", None),
            )
            rest = {name: value for name, value in named.items() if name in kwargs}
            lazy = (
                isinstance(weight, Lazy)
                and weight.drawn is None
                and not isinstance(x, Lazy)
            )
            if lazy and batched(func, x, weight):
                output = weight.output(func, x, bias, *args[3:], **rest)
                if output is not None:
                    return output
        else:
            for argument in args:
                if isinstance(argument, Lazy):
                    answer = argument.intercept(func, args, kwargs)
                    if answer is not NotImplemented:
                        return answer
        args, kwargs = tree_map(plain, args), tree_map(plain, dict(kwargs))
        with torch._C.DisableTorchFunctionSubclass():
            return func(*args, **kwargs)

    @classmethod
    def __torch_dispatch__(
        cls,
        func: Callable[..., object],
        types: tuple,
        args: tuple = (),
        kwargs: Mapping | None = None,
    ) -> object:
        # drawing here would lose the gradient without a word: below this point autograd
        # has already looked away
        raise RuntimeError(
            f"{func} reached a lazily sampled tensor; call .clone() on it first for an ordinary draw"
        )


def plain(value: object) -> object:
    """Return the ordinary draw of a lazily sampled tensor, and anything else as it is."""
    return value.value if isinstance(value, Lazy) else value


def batched(layer: Callable[..., Tensor], x: Tensor, weight: Tensor) -> bool:
    """Tell whether a layer's input has a batch dimension in front."""
    return x.dim() > 1 if layer is F.linear else x.dim() == weight.dim()


def per_example(noise: Tensor, x: Tensor, layer: Callable[..., Tensor]) -> Tensor:
    """Align noise (B, C) with the channels of inputs (B, ..., C) of a linear layer or (B, C, ...) of a convolution."""
    if layer is F.linear:
        return noise.reshape(len(noise), *[1] * (x.dim() - 2), -1)
    return noise.reshape(*noise.shape, *[1] * (x.dim() - 2))
