"""The affine map between standardised values and those in original units."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Units(NamedTuple):
    r"""Location and scale that map standardised values to original units.

    .. math:: \text{original} = \text{loc} + \text{scale} \cdot \text{standardised}

    It does not name physical units such as metres or newtons.

    References:
        The Elements of Statistical Learning (Hastie, Tibshirani and Friedman, 2009), section 11.5

    Arguments:
        loc: Mean of each column over the training part, in original units, (D,) or
            (O,).
        scale: Standard deviation of each column over the training part, in original
            units, (D,) or (O,). It is divided by N and not by N - 1; 1 for a constant
            column.

    Example:
        >>> import torch
        >>> from zoo.datasets import Units
        >>> units = Units.fit(torch.tensor([[1.0, 7.0], [3.0, 7.0]]))
        >>> units.standardise(torch.tensor([[5.0, 8.0]]))
        tensor([[3., 1.]])
        >>> units.restore(torch.tensor([[3.0, 1.0]]))
        tensor([[5., 8.]])
    """

    loc: Tensor
    scale: Tensor

    @classmethod
    def fit(cls, values: Tensor) -> Units:
        """Compute loc and scale of the columns of `values`, (N, D), which is the training part.

        A constant column is recognised by its range. Its standard deviation is often a
        rounding error above zero, and division by that would give huge values in the
        test part.
        """
        loc = values.mean(0)
        scale = values.std(0, correction=0)

        is_constant = values.amax(0) == values.amin(0)
        scale = scale.masked_fill(is_constant, 1.0)

        return cls(loc, scale)

    @classmethod
    def identity(cls, values: Tensor) -> Units:
        """Return units that keep columns like those of `values`, (N, D), as they are."""
        shape = values.shape[1:]
        return cls(loc=values.new_zeros(shape), scale=values.new_ones(shape))

    def standardise(self, values: Tensor) -> Tensor:
        """Map values in original units, (..., D), to standardised ones."""
        loc = self.loc.to(values)
        scale = self.scale.to(values)
        return (values - loc) / scale

    def restore(self, values: Tensor) -> Tensor:
        """Map standardised values, (..., D), to original units."""
        loc = self.loc.to(values)
        scale = self.scale.to(values)
        return loc + scale * values

    def float(self) -> Units:
        """Return the units in float32."""
        return Units(self.loc.float(), self.scale.float())

    def are_original(self) -> bool:
        """Return whether standardised values and original ones are the same: loc 0 and scale 1."""
        loc_is_zero = bool((self.loc == 0).all())
        scale_is_one = bool((self.scale == 1).all())
        return loc_is_zero and scale_is_one
