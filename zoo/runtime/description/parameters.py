"""The parameters of any distribution: those its class lists, or all that it is made of."""

from __future__ import annotations

from torch import Tensor
from torch.distributions import Distribution, TransformedDistribution
from torch.distributions.utils import lazy_property

_LIBRARIES = ("torch.distributions.", "pyro.distributions.")
_NO_PARAMETERS = {"_batch_shape", "_event_shape", "_validate_args"}


def parameters_of(distribution: Distribution) -> list[object]:
    """Return what decides about the density of a distribution, in a fixed order.

    Values that torch computes from others when they are first read do not count, so that
    the list does not depend on what was read before.
    """
    kind = type(distribution)
    names = [*distribution.arg_constraints]
    if _has_listed_parameters(distribution, names):
        return [getattr(distribution, name) for name in names]

    stored: dict[str, object] = {}
    computed: dict[str, object] = {}
    for name, part in vars(distribution).items():
        if name not in _NO_PARAMETERS:
            is_computed = isinstance(getattr(kind, name, None), lazy_property)
            (computed if is_computed else stored)[name] = part

    has_tensor = any(isinstance(part, Tensor) for part in stored.values())
    if not has_tensor and "base_dist" not in stored:
        stored |= computed

    return list(stored.values())


def _has_listed_parameters(distribution: Distribution, names: list[str]) -> bool:
    """Return whether the parameters that its class lists say all of a distribution."""
    kind = type(distribution)
    if not names or not kind.__module__.startswith(_LIBRARIES):
        return False

    for name in names:
        if isinstance(getattr(kind, name, None), lazy_property):
            return False

    are_stored = all(name in vars(distribution) for name in names)
    return are_stored or isinstance(distribution, TransformedDistribution)
