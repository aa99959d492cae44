"""Targets that are missing: their density is left out, element by element."""

from __future__ import annotations

import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor
from torch.distributions import constraints, transform_to

from zoo.likelihoods.observed import Observed
from zoo.runtime.distributions import support_of


def check_missing(missing: str | None) -> None:
    """Check the argument that says how missing targets are coded.

    Raises:
        ValueError: Anything but "nan" or None.
    """
    if missing not in (None, "nan"):
        raise ValueError(
            f"missing must be 'nan' (targets that are NaN are left out) or None, not {missing!r}"
        )


def counted(observed: Observed, is_observed: Tensor | None) -> Tensor | None:
    """Return which elements of the targets count, (N, ...); None if all do.

    Arguments:
        observed: The targets with their weights.
        is_observed: Which elements are not missing, (N, ...); None for all.
    """
    has_weight = observed.has_weight
    y = observed.y
    if has_weight is None or y is None:
        return is_observed

    rows = has_weight.reshape(-1, *[1] * (y.dim() - 1)).expand(y.shape)

    return rows if is_observed is None else rows & is_observed


def counted_only(y: Tensor, counts: Tensor | None) -> Tensor:
    """Return the elements of y (N, ...) that count, in one dimension."""
    return y.flatten() if counts is None else y[counts]


def left_out(
    distribution: TorchDistributionMixin, y: Tensor, counts: Tensor | None
) -> tuple[TorchDistributionMixin, Tensor]:
    """Return a distribution whose density leaves out some elements of y, and y without gaps.

    A left-out element has log density 0, and a value in the support instead of its own,
    so that its gradient is 0 too. A joint target that lacks an element is left out whole.

    Arguments:
        distribution: The distribution, with batch shape (*, N, ...).
        y: Targets (N, ...), as the density needs them.
        counts: Which elements count, of the shape of y; None for all.
    """
    if counts is None:
        return distribution, y

    event_dim = len(distribution.event_shape)
    whole = counts.flatten(-event_dim).all(-1) if event_dim else counts
    elements = whole.reshape(*whole.shape, *[1] * event_dim)
    value = torch.where(elements, y, _value_inside(distribution, y))

    return distribution.mask(whole), value


def takes_nan(distribution: TorchDistributionMixin, y: Tensor) -> bool:
    """Return whether some targets are NaN and the distribution has a density of them itself.

    Pyro's `NanMaskedNormal` is such a distribution.

    Arguments:
        distribution: The distribution, with batch shape (N, ...).
        y: Targets (N, ...), as the density needs them.
    """
    if not bool(y.isnan().any()):
        return False

    try:
        density = distribution.log_prob(y)
    except (ValueError, RuntimeError):  # a distribution that checks its argument
        return False

    return not bool(density.isnan().any())


def _value_inside(distribution: TorchDistributionMixin, like: Tensor) -> Tensor:
    """Return a value in the support, which broadcasts with the targets."""
    support = support_of(distribution)
    zeros = torch.zeros_like(like)
    if not support.is_discrete:
        try:
            return transform_to(support)(zeros)
        except NotImplementedError:  # a support that the user wrote
            return torch.ones_like(like)

    if isinstance(support, constraints.independent):
        support = support.base_constraint

    if isinstance(support, type(constraints.one_hot)):
        classes = torch.arange(like.shape[-1], device=like.device)
        return (classes == 0).to(like.dtype).expand_as(like)

    lower = getattr(support, "lower_bound", 0)

    return zeros + torch.as_tensor(lower, device=like.device).to(like.dtype)
