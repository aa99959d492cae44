"""Distributions as values: moved to the device and shape of a tensor, written as text."""

from __future__ import annotations

import contextlib
import copy
from typing import TypeVar

import torch
from pyro.distributions import ImproperUniform, Independent, MaskedDistribution
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor
from torch.distributions import Distribution, Transform, constraints
from torch.distributions.transforms import _InverseTransform

from zoo.runtime.autograd import usable
from zoo.runtime.fixed_rows import WithFixedRows

Part = TypeVar("Part")


def placed(
    distribution: TorchDistributionMixin, like: Tensor, name: str
) -> TorchDistributionMixin:
    """Give a distribution the device, dtype and shape of a tensor, with every dimension an event.

    Arguments:
        distribution: A distribution whose shape broadcasts to that of the tensor.
        like: The tensor.
        name: Name of the tensor, for the error message.

    Raises:
        ValueError: The distribution does not broadcast to the shape of the tensor; both
            shapes are named.
    """
    moved = to(distribution, like)
    batch_dim = like.dim() - len(moved.event_shape)
    batch_shape, event_shape = like.shape[:batch_dim], like.shape[batch_dim:]

    if batch_dim >= 0 and event_shape == moved.event_shape:
        with contextlib.suppress(ValueError, RuntimeError):
            return moved.expand(batch_shape).to_event(batch_dim)

    prior_shape, shape = tuple(moved.shape()), tuple(like.shape)
    raise ValueError(
        f"the prior of {name} has shape {prior_shape}, which does not broadcast to the shape of "
        f"the tensor, {shape}; give it that shape or ()"
    )


def to(value: Part, like: Tensor) -> Part:
    """Copy a distribution, or a part of one, to the device and the floating dtype of a tensor.

    Arguments:
        value: A tensor, a distribution, a transform, or a list or tuple of these. Any
            other value is returned as it is.
        like: The tensor.
    """
    if isinstance(value, Tensor):
        dtype = like.dtype if value.is_floating_point() else value.dtype
        return usable(value.to(like.device, dtype))

    if type(value) in (list, tuple):
        return type(value)(to(part, like) for part in value)

    if not isinstance(value, (Distribution, Transform)):
        return value

    moved = copy.copy(value)
    for key, part in vars(value).items():
        if key == "_inv" and not isinstance(value, _InverseTransform):
            moved._inv = None  # the cached inverse refers back to the transform
        elif isinstance(part, (Tensor, Distribution, Transform, list, tuple)):
            vars(moved)[key] = to(part, like)

    return moved


def unvalidated(distribution: Part) -> Part:
    """Return a distribution that does not validate the values it is given.

    A distribution that was made while validation was on validates at every call.
    """
    parts = {}
    for name, part in vars(distribution).items():
        if isinstance(part, Distribution):
            parts[name] = unvalidated(part)

    validates = vars(distribution).get("_validate_args", False)
    if not parts and not validates:
        return distribution

    copied = copy.copy(distribution)
    vars(copied).update(parts, _validate_args=False)

    return copied


def support_of(distribution: TorchDistributionMixin) -> constraints.Constraint:
    """Return the support of a distribution; for a mixture, the support of its components.

    Torch has a transform for the support of the components, and none for that of the mixture.
    """
    support = distribution.support
    event_dim = 0
    if isinstance(support, constraints.independent):
        event_dim = support.reinterpreted_batch_ndims
        support = support.base_constraint

    if isinstance(support, constraints.MixtureSameFamilyConstraint):
        support = support.base_constraint

    return constraints.independent(support, event_dim) if event_dim else support


def is_proper(distribution: TorchDistributionMixin) -> bool:
    """Return whether a distribution integrates to one.

    An improper distribution has the attribute `improper = True`.
    """
    base = without_events(distribution)
    is_improper = getattr(base, "improper", False) or isinstance(base, ImproperUniform)

    return not is_improper


def describe(distribution: TorchDistributionMixin) -> str:
    """Write a distribution as text, e.g. `Normal(0, 1)`.

    A parameter whose elements differ is written as its shape.
    """
    base = without_events(distribution)
    constrained = list(base.arg_constraints)
    given = [name for name in constrained if name in vars(base)]
    names = given or constrained

    words = [_parameter_text(getattr(base, name)) for name in names]
    arguments = ", ".join(words)

    return f"{type(base).__name__}({arguments})"


def without_events(distribution: TorchDistributionMixin) -> TorchDistributionMixin:
    """Return the distribution inside of `to_event`, `mask` and a matrix with fixed rows."""
    while isinstance(distribution, (Independent, MaskedDistribution, WithFixedRows)):
        distribution = distribution.base_dist

    return distribution


def median(distribution: TorchDistributionMixin) -> Tensor | None:
    """Return the median of every element of a distribution, or None where it is not known.

    It is known of distributions with a quantile function, `icdf`. The elements of an
    `Independent` distribution have their own medians.
    """
    try:
        value = without_events(distribution).icdf(torch.tensor(0.5))
    except NotImplementedError:
        return None

    return value.expand(distribution.shape())


def _parameter_text(value: Tensor) -> str:
    """Write the parameter of a distribution: its value if all elements agree, else its shape."""
    if value.unique().numel() == 1:
        return f"{value.flatten()[0].item():.4g}"

    return str(tuple(value.shape))
