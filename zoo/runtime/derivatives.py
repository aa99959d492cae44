"""Programs that take derivatives inside: forces, Hamiltonian networks, equations of physics."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

Inputs = TypeVar("Inputs")
Result = TypeVar("Result")

# What torch says if autograd is off, or if a transform of torch.func runs around autograd.
_MESSAGES = (
    "does not require grad",
    "appears to not have been used in the graph",
    "inside of a function being transformed by a functorch transform",
)


def with_autograd_if_needed(function: Callable[[Inputs], Result], x: Inputs) -> Result:
    """Run a function, and again with autograd if it takes derivatives while that is off.

    It may take them with respect to its inputs. Its results are detached, as without
    autograd.

    Arguments:
        function: A function of inputs.
        x: The inputs, a tensor or a structure of tensors.
    """
    if torch.is_grad_enabled():
        return function(x)

    try:
        return function(x)
    except RuntimeError as error:
        if not takes_derivatives(error):
            raise

    with torch.enable_grad():
        result = function(tree_map(_differentiable, x))

    return tree_map(_detached, result)


def takes_derivatives(error: BaseException) -> bool:
    """Return whether a function failed because it takes derivatives by `torch.autograd`."""
    message = str(error)

    return any(part in message for part in _MESSAGES)


def _differentiable(value: object) -> object:
    """Return a tensor that derivatives can be taken by, if the value is one of floats."""
    if isinstance(value, Tensor) and value.is_floating_point():
        return value.detach().requires_grad_()

    return value


def _detached(value: object) -> object:
    return value.detach() if isinstance(value, Tensor) else value
