"""Copies of distributions whose tensors are constants, so that later fits do not change them."""

from __future__ import annotations

import copy
from typing import Any

from torch import Tensor
from torch.distributions import Distribution, Transform
from torch.distributions.transforms import _InverseTransform

_PARTS = (Tensor, Distribution, Transform, list, tuple)


def fixed(value: Any) -> Any:
    """Copy a distribution, or one of its parts, with new tensors that have no gradient.

    Arguments:
        value: A distribution, a transform, a tensor, or a list or tuple of these. Any
            other value is returned as it is.
    """
    if isinstance(value, Tensor):
        return value.detach().clone()

    if type(value) in (list, tuple):
        return type(value)(fixed(part) for part in value)

    if isinstance(value, (Distribution, Transform)):
        return _fixed_copy(value)

    return value


def _fixed_copy(value: Distribution | Transform) -> Distribution | Transform:
    """Copy a distribution or a transform with fixed parts."""
    twin = copy.copy(value)
    if isinstance(twin, Transform) and not isinstance(twin, _InverseTransform):
        # A transform caches its inverse, and the inverse refers back to the transform.
        twin._inv = None

    for key, part in list(vars(twin).items()):
        if isinstance(part, _PARTS):
            vars(twin)[key] = fixed(part)

    return twin
