"""Gaussian likelihood: the noise scale is fixed, has a prior, or is known of each datum."""

from __future__ import annotations

from collections.abc import Mapping

import pyro.distributions as dist
from torch import Tensor

from zoo.likelihoods.location_scale import LocationScale


class Gaussian(LocationScale):
    r"""Regression: Gaussian noise of one scale around the network's output.

    .. math:: y \sim N(f(x), \text{scale}^2)

    Should not be confused with `HeteroscedasticGaussian`, where the network gives the
    scale as well.

    References:
        Pattern Recognition and Machine Learning (Bishop, 2006), section 3.1

    Arguments:
        scale: Standard deviation of the noise in units of y: a positive number, or a
            tensor (O,). To infer the noise, a distribution with positive support, of
            shape () or (O,); its site is `likelihood:scale`. "given" if it is known of
            each datum: `fit(data, scale=sigma)` and `predict(x, scale=sigma)` take it,
            (N,), (N, 1) or (N, O).
        missing: "nan" if targets may be NaN, which are left out element by element.

    Raises:
        ValueError: A scale that is not positive, or a prior that allows negative values.

    Example:
        >>> Gaussian(scale=dist.HalfNormal(1.0))
        Gaussian(scale=HalfNormal(1))
    """

    scale_word = "standard deviation"

    def distribution(self, output: Tensor, noise: Mapping[str, Tensor]) -> dist.Normal:
        """Return Normal(output, scale)."""
        return dist.Normal(output, self.scale_of(output, noise))
