"""Half precision: products and convolutions of networks in bfloat16, for the time of a block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar

import torch
from torch import Tensor

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
    if not _is_half.get():
        return nullcontext()

    return torch.autocast(like.device.type, torch.bfloat16)


def in_single(output: Tensor) -> Tensor:
    """Return the output of a network in single precision, if it is in half precision."""
    is_half = _is_half.get() and output.dtype == torch.bfloat16

    return output.float() if is_half else output
