"""A distribution in unconstrained space, moved to a site's support, with its moments."""

from __future__ import annotations

from collections.abc import Iterable

import pyro.distributions as dist
from torch import Tensor
from torch.distributions import ComposeTransform, Transform
from torch.distributions.transforms import ReshapeTransform


class Transformed(dist.TransformedDistribution):
    """A transformed distribution that has moments if its transforms only place elements.

    Such transforms are a change of shape, and any that says by a method `of_variance` what
    it does to variances: one that inserts rows of padding gives these the variance 0.
    """

    @property
    def mean(self) -> Tensor:
        """The mean of each element.

        Raises:
            NotImplementedError: A transform that bends, e.g. to positive values.
        """
        mean = self.base_dist.mean
        for part in _placing(self.transforms):
            mean = part(mean)

        return mean

    @property
    def variance(self) -> Tensor:
        """The variance of each element.

        Raises:
            NotImplementedError: A transform that bends, e.g. to positive values.
        """
        variance = self.base_dist.variance
        for part in _placing(self.transforms):
            if isinstance(part, ReshapeTransform):
                variance = part(variance)
            else:
                variance = part.of_variance(variance)  # type: ignore[attr-defined]

        return variance


def _placing(transforms: Iterable[Transform]) -> list[Transform]:
    """Return the transforms one by one; one that does not only place elements is refused."""
    found: list[Transform] = []
    for transform in transforms:
        if isinstance(transform, ComposeTransform):
            found += _placing(transform.parts)
        elif isinstance(transform, ReshapeTransform) or hasattr(
            transform, "of_variance"
        ):
            found.append(transform)
        else:
            raise NotImplementedError(
                f"the mean and the variance after {type(transform).__name__} have no closed "
                "form; take those of draws, e.g. of posterior.sample(1000)"
            )

    return found
