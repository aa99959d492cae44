"""Autograd during a fit, also where the user has switched it off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


@contextmanager
def autograd_on() -> Iterator[None]:
    """Switch autograd on, inside of `torch.no_grad` and `torch.inference_mode` too."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


def usable(tensor: Tensor) -> Tensor:
    """Return a tensor that autograd can use: a copy, if it was made in inference mode."""
    if tensor.is_inference() and not torch.is_inference_mode_enabled():
        return tensor.clone()

    return tensor
