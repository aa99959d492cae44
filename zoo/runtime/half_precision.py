"""Half precision: products and convolutions of networks in bfloat16, for the time of a block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

_NARROW = 32  # outputs of a layer, up to which it stays in single precision
PRECISIONS = ("float32", "bf16", "auto")

_is_half: ContextVar[bool] = ContextVar("is_half", default=False)


def check_precision(precision: object, like: Tensor | None = None) -> str:
    """Return the name of a precision, if a network can be run in it.

    Arguments:
        precision: The name.
        like: A tensor with the dtype and device of the network; None for no network.

    Raises:
        ValueError: There is no such precision, or bfloat16 is asked for and the network
            is not in single precision.
    """
    if not isinstance(precision, str) or precision not in PRECISIONS:
        names = ", ".join(map(repr, PRECISIONS))
        raise ValueError(
            f"precision must be one of {names}, not {precision!r}; write precision='bf16' for "
            "products and convolutions in bfloat16"
        )

    if precision == "bf16" and like is not None and like.dtype != torch.float32:
        raise ValueError(
            f"precision='bf16' needs a network in torch.float32, not {like.dtype}; write "
            "network.float(), or precision='float32'"
        )

    return precision


@contextmanager
def products_in(precision: str) -> Iterator[None]:
    """Let networks compute products and convolutions in a precision.

    Only the calls of a network are concerned: what a guide and a likelihood compute stays
    in single precision, and so do parameters, buffers and outputs.

    Arguments:
        precision: "float32" or "bf16".
    """
    token = _is_half.set(precision == "bf16")
    try:
        yield
    finally:
        _is_half.reset(token)


def half_products(like: Tensor) -> AbstractContextManager:
    """Return the context in which a network is called, as `products_in` has set it.

    Arguments:
        like: A tensor with the dtype and device of the network.
    """
    return _half(like.device.type) if _is_half.get() else nullcontext()


@contextmanager
def _half(device: str) -> Iterator[None]:
    """Compute products and convolutions in bfloat16, except those of narrow layers."""
    with torch.autocast(device, torch.bfloat16), _NarrowInSingle(device):
        yield


class _NarrowInSingle(TorchFunctionMode):
    """Computes linear layers with few outputs in single precision.

    Most often such a layer is the last. In bfloat16 its outputs would have two or three
    digits, too few for targets that are far from zero, and its product costs little.

    Arguments:
        device: The type of the device.
    """

    def __init__(self, device: str) -> None:
        super().__init__()
        self.device = device

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: tuple[type, ...],
        args: tuple = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func is not F.linear:
            return func(*args, **kwargs)

        x, weight, bias = _arguments_of_linear(*args, **kwargs)
        if weight.shape[0] > _NARROW:
            return func(x, weight, bias)

        with torch.autocast(self.device, enabled=False):
            return func(x.float(), weight, bias)


def _arguments_of_linear(
    input: Tensor, weight: Tensor, bias: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return the arguments of a linear layer in their order."""
    return input, weight, bias


def in_single(output: Tensor) -> Tensor:
    """Return the output of a network in single precision, if it is in half precision."""
    is_half = _is_half.get() and output.dtype == torch.bfloat16

    return output.float() if is_half else output
