"""Laplace likelihood: noise with heavier tails than the Gaussian's, and absolute errors."""

from __future__ import annotations

from collections.abc import Mapping

import pyro.distributions as dist
from torch import Tensor

from zoo.likelihoods.location_scale import LocationScale


class LaplaceNoise(LocationScale):
    r"""Regression: Laplace noise of one scale around the network's output.

    .. math:: p(y | f) = \frac{1}{2b} e^{-|y - f(x)| / b}

    The point estimate of f is the median of y and has the smallest mean absolute error.
    Large errors cost less than under `Gaussian`. The standard deviation of the noise is
    √2 b.

    Should not be confused with `inference.Laplace`, an engine.

    References:
        What Uncertainties Do We Need in Bayesian Deep Learning for Computer Vision?
        (Kendall, Gal, 2017), section 4, with absolute errors for pixels
        The Laplace Distribution and Generalizations (Kotz, Kozubowski, Podgórski, 2001)

    Arguments:
        scale: Mean absolute error b of the noise in units of y: a positive number, or a
            tensor (O,). To infer it, a distribution with positive support, of shape () or
            (O,); its site is `likelihood:scale`. "given" if it is known of each datum:
            `fit(data, scale=b)` and `predict(x, scale=b)` take it, (N,), (N, 1) or
            (N, O).
        missing: "nan" if targets may be NaN, which are left out element by element.

    Raises:
        ValueError: A scale that is not positive, or a prior that allows negative values.

    Example:
        >>> LaplaceNoise(scale=dist.HalfNormal(1.0))
        LaplaceNoise(scale=HalfNormal(1))
    """

    scale_word = "mean absolute error"

    def distribution(self, output: Tensor, noise: Mapping[str, Tensor]) -> dist.Laplace:
        """Return Laplace(output, scale)."""
        return dist.Laplace(output, self.scale_of(output, noise))
