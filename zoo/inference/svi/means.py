"""A guide whose means take the place of its draws, for the steps of a fit without noise."""

from __future__ import annotations

from typing import Any

import pyro.distributions as dist
from pyro.poutine.messenger import Messenger
from torch import Tensor
from torch.distributions import Distribution, Independent, TransformedDistribution

from zoo.runtime.programs import PyroProgram


class AtMeans:
    """A guide that states every site as a point mass at its mean.

    A site with bounded support is at the value of the mean in unconstrained space. Scales
    have no part in the values, so they have no gradient.

    Arguments:
        guide: Any guide whose sites have means.
    """

    def __init__(self, guide: PyroProgram) -> None:
        self.guide = guide

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the guide with its means in place of draws.

        Raises:
            ValueError: A site whose distribution has no mean.
        """
        with _PointMasses():
            return self.guide(*args, **kwargs)


class _PointMasses(Messenger):
    """Replaces the distribution of each site by a point mass at its mean."""

    def _pyro_sample(self, msg: Any) -> None:
        distribution = msg["fn"]
        is_drawn = not msg["is_observed"] and msg["value"] is None
        if not is_drawn or isinstance(distribution, dist.Delta):
            return

        try:
            mean = _centre(distribution)
        except NotImplementedError:
            family = type(distribution).__name__
            raise ValueError(
                f"site {msg['name']!r} has no mean, because {family} has none; omit deterministic"
            ) from None

        msg["fn"] = dist.Delta(mean, event_dim=distribution.event_dim)


def _centre(distribution: Distribution) -> Tensor:
    """Return the mean, or what the transforms of a distribution make of the mean of its base.

    Raises:
        NotImplementedError: The distribution has no mean.
    """
    if isinstance(distribution, Independent):
        return _centre(distribution.base_dist)

    if isinstance(distribution, TransformedDistribution):
        value = _centre(distribution.base_dist)
        for transform in distribution.transforms:
            value = transform(value)
        return value

    return distribution.mean
