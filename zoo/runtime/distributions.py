"""Distributions as values: moved to the device, dtype and shape of a tensor, and written in words."""

from __future__ import annotations

import copy
from typing import TypeVar

from pyro.distributions import ImproperUniform, Independent
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor
from torch.distributions import Distribution, Transform, constraints
from torch.distributions.transforms import _InverseTransform

Part = TypeVar("Part")


def placed(
    distribution: TorchDistributionMixin, like: Tensor, name: str
) -> TorchDistributionMixin:
    """Give a distribution the device, dtype and shape of a tensor, every dimension of it an event.

    Raises:
        ValueError: The distribution does not broadcast to the shape of the tensor; both
            shapes are named.
    """
    moved = to(distribution, like)
    event = len(moved.event_shape)
    batch = like.shape[: like.dim() - event]
    try:
        if like.dim() < event or like.shape[like.dim() - event :] != moved.event_shape:
            raise ValueError
        return moved.expand(batch).to_event(len(batch))
    except (ValueError, RuntimeError):
        raise ValueError(
            f"the prior of {name} has shape {tuple(moved.shape())}, which does not broadcast to the shape "
            f"{tuple(like.shape)} of that tensor"
        ) from None


def to(value: Part, like: Tensor) -> Part:
    """Copy a distribution, or what it is made of, to the device and floating dtype of a tensor."""
    if isinstance(value, Tensor):
        return value.to(
            like.device, like.dtype if value.is_floating_point() else value.dtype
        )
    if type(value) in (list, tuple):
        return type(value)(to(part, like) for part in value)
    if isinstance(value, (Distribution, Transform)):
        moved = copy.copy(value)
        for key, part in vars(value).items():
            if key == "_inv" and not isinstance(value, _InverseTransform):
                moved._inv = None  # the inverse that a transform remembers, which remembers the transform
            elif isinstance(part, (Tensor, Distribution, Transform, list, tuple)):
                moved.__dict__[key] = to(part, like)
        return moved
    return value


def unvalidated(distribution: Part) -> Part:
    """Return a distribution that does not look at values, as one made while validation was on does."""
    parts = {
        name: unvalidated(part)
        for name, part in vars(distribution).items()
        if isinstance(part, Distribution)
    }
    if not parts and not vars(distribution).get("_validate_args"):
        return distribution
    copied = copy.copy(distribution)
    vars(copied).update(parts, _validate_args=False)
    return copied


def support_of(distribution: TorchDistributionMixin) -> constraints.Constraint:
    """Return the support of a distribution; of a mixture, that of its components, which torch can transform."""
    support, event_dim = distribution.support, 0
    if isinstance(support, constraints.independent):
        support, event_dim = support.base_constraint, support.reinterpreted_batch_ndims
    if isinstance(support, constraints.MixtureSameFamilyConstraint):
        support = support.base_constraint
    return constraints.independent(support, event_dim) if event_dim else support


def is_proper(distribution: TorchDistributionMixin) -> bool:
    """Tell whether a distribution integrates to one; an improper one has an attribute `improper = True`."""
    while isinstance(distribution, Independent):
        distribution = distribution.base_dist
    return not (
        getattr(distribution, "improper", False)
        or isinstance(distribution, ImproperUniform)
    )


def describe(distribution: TorchDistributionMixin) -> str:
    """Write a distribution in words, `Normal(0, 1)`; a parameter that differs by element as its shape."""
    while isinstance(distribution, Independent):
        distribution = distribution.base_dist
    names = list(distribution.arg_constraints)
    names = [name for name in names if name in vars(distribution)] or names
    values = [getattr(distribution, name) for name in names]
    numbers = (
        f"{value.flatten()[0].item():.4g}"
        if value.unique().numel() == 1
        else f"{tuple(value.shape)}"
        for value in values
    )
    return f"{type(distribution).__name__}({', '.join(numbers)})"
