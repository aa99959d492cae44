"""Lazily sampled tensors: draws that are made only when a layer uses them.

Why. In training, a gradient has less variance if each example of a batch has noise of its
own. Local reparameterisation, Flipout and dropout all do this: they put noise on the
input or the output of a layer, instead of drawing one weight for the whole batch. But a
guide returns a weight, and the network that uses the weight knows nothing of the guide.

How. The guide returns a `Lazy` instead: a subclass of `torch.Tensor` with a shape, a
dtype and a device, but no elements yet. PyTorch lets a subclass take over every torch
function that is called with it: before `F.linear(x, weight)` does any work, PyTorch calls
`weight.__torch_function__(F.linear, types, args, kwargs)`, and what that returns is the
result. `Lazy.__torch_function__` has four cases:

1. Questions about metadata (`weight.shape`, `weight.dtype`) are answered without a draw.
2. If the function is a layer (`F.linear`, `F.conv1d`, `F.conv2d`, `F.conv3d`), the method
   `output` computes the result with noise for each example.
3. A few other functions keep the tensor lazy, e.g. a view; the method `intercept` decides.
4. Any other function gets one ordinary draw, `value`. It is drawn once and then kept, so
   that every later use, a layer included, sees the same tensor.

A draw that must be one function for all inputs (posterior samples, predictions) is an
ordinary draw: `lazy.clone()` falls under case 4.

Which example. A layer sees a tensor, and not where the examples are in it: a network can put
time first, or merge the positions of a sequence with the batch. Dimension 0 would be a guess.
So whoever runs the network says it, in the attribute `examples` of the tensor: the place of
the examples in an input of the layer, by the shape of the input. Models of zoo find it out by
trial runs of the network. If nobody says it, as in somebody else's Pyro model, a layer gets
one ordinary draw for the whole batch. That is the same distribution for each example, and the
gradient varies more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._pytree import tree_map

from guides._lazy.examples import ExamplePlace, ExamplePlaces

Layer = Callable[..., Tensor]

_LAYERS = (F.linear, F.conv1d, F.conv2d, F.conv3d)
_ATTRIBUTES = (
    "shape",
    "dtype",
    "device",
    "ndim",
    "requires_grad",
    "layout",
    "is_leaf",
    "grad_fn",
)
_METADATA = (
    *(getattr(torch.Tensor, name).__get__ for name in _ATTRIBUTES),
    torch.Tensor.size,
    torch.Tensor.dim,
    torch.Tensor.numel,
    torch.Tensor.is_floating_point,
)


class Lazy(torch.Tensor):
    """A tensor that has not been drawn yet; the module docstring explains the mechanism.

    A subclass implements `draw`, and `output` or `intercept` for what it does lazily.

    Arguments:
        like: A tensor with the shape, dtype and device of a draw.
    """

    drawn: Tensor | None = None
    needs_examples: bool = (
        True  # whether noise is drawn for examples, and not for positions
    )
    _examples: ExamplePlaces | None = None
    _is_used: bool = False  # with noise for each example

    @staticmethod
    def __new__(cls: type[Lazy], like: Tensor, *args: Any, **kwargs: Any) -> Lazy:
        """Make a tensor without storage."""
        return torch.Tensor._make_wrapper_subclass(
            cls, like.shape, dtype=like.dtype, device=like.device
        )

    @property
    def examples(self) -> ExamplePlaces | None:
        """The place of the examples in inputs of the layer, None if it is not known."""
        return self._examples

    @examples.setter
    def examples(self, places: ExamplePlaces | None) -> None:
        self._examples = places
        self._is_used = False

    def place(self, x: Tensor) -> ExamplePlace | None:
        """Return where the examples are in an input of the layer.

        Raises:
            RuntimeError: It is known for earlier inputs of this draw and not for this one.
        """
        place = None if self._examples is None else self._examples.get(x.shape)
        if place is None and self._is_used:
            raise RuntimeError(
                f"a layer with noise for each example got an input of shape {tuple(x.shape)}, "
                "which it did not get in the trial run that located the examples; use a guide "
                "without such noise, e.g. guides.MeanField"
            )

        self._is_used = place is not None

        return place

    def draw(self) -> Tensor:
        """Draw the tensor once."""
        raise NotImplementedError

    def output(
        self, layer: Layer, x: Tensor, bias: Tensor | None, *args: Any, **kwargs: Any
    ) -> Tensor | None:
        """Return the output of a layer that has this tensor as its weight.

        Arguments:
            layer: `F.linear` or a convolution.
            x: Inputs of the layer; `place` says where the examples are.
            bias: The bias of the layer.
            args: The other positional arguments of the layer.
            kwargs: The other keyword arguments of the layer.

        Returns:
            The output, or None if an ordinary draw must be used.
        """
        return None

    def intercept(self, func: Callable[..., Any], args: tuple, kwargs: Mapping) -> Any:
        """Return the result of a function that is no layer, or `NotImplemented`."""
        return NotImplemented

    @property
    def value(self) -> Tensor:
        """The ordinary draw, the same one at every call."""
        if self.drawn is None:
            self.drawn = self.draw()

        return self.drawn

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: tuple[type, ...],
        args: tuple = (),
        kwargs: Mapping | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func in _METADATA:
            with torch._C.DisableTorchFunctionSubclass():
                return func(*args, **kwargs)

        if func in _LAYERS:
            output = _layer_output(func, args, kwargs)
            if output is not None:
                return output
        else:
            answer = _intercepted(func, args, kwargs)
            if answer is not NotImplemented:
                return answer

        args = tree_map(plain, args)
        kwargs = tree_map(plain, dict(kwargs))

        with torch._C.DisableTorchFunctionSubclass():
            return func(*args, **kwargs)

    @classmethod
    def __torch_dispatch__(
        cls,
        func: Callable[..., Any],
        types: tuple[type, ...],
        args: tuple = (),
        kwargs: Mapping | None = None,
    ) -> Any:
        # Below autograd, a draw would silently have no gradient.
        raise RuntimeError(
            f"{func} does not take a lazily sampled tensor; write tensor.clone(), which is an "
            "ordinary draw"
        )


def plain(value: Any) -> Any:
    """Return the ordinary draw of a lazily sampled tensor, and any other value as it is."""
    return value.value if isinstance(value, Lazy) else value


def num_channels(x: Tensor, layer: Layer) -> int:
    """Return the number of channels of a batch of inputs."""
    axis = -1 if layer is F.linear else 1
    return x.shape[axis]


def is_batch(x: Tensor, weight: Tensor, layer: Layer) -> bool:
    """Return whether the input of a layer is more than one vector, or more than one image."""
    if layer is F.linear:
        return x.dim() > 1

    return x.dim() == weight.dim()


def _layer_output(layer: Layer, args: tuple, kwargs: Mapping) -> Tensor | None:
    """Return the output of a layer whose weight is lazy and not yet drawn, else None."""
    named = dict(zip(("input", "weight", "bias"), args, strict=False))
    rest = dict(kwargs)

    for name in ("input", "weight", "bias"):
        if name in rest:
            named[name] = rest.pop(name)

    x = named["input"]
    weight = named["weight"]
    is_undrawn = isinstance(weight, Lazy) and weight.drawn is None
    is_ordinary = not isinstance(x, Lazy)

    if not (is_undrawn and is_ordinary):
        return None

    return weight.output(layer, x, named.get("bias"), *args[3:], **rest)


def _intercepted(func: Callable[..., Any], args: tuple, kwargs: Mapping) -> Any:
    """Return the first answer of a lazy argument to a function, or `NotImplemented`."""
    for argument in args:
        if isinstance(argument, Lazy):
            answer = argument.intercept(func, args, kwargs)
            if answer is not NotImplemented:
                return answer

    return NotImplemented
