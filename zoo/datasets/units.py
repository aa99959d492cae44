"""The affine map between standardised values and those in original units."""

from typing import NamedTuple

from torch import Tensor


class Units(NamedTuple):
    r"""Where the zero of standardised values lies, and how long their one is.

    .. math:: \text{original} = \text{loc} + \text{scale} \cdot \text{standardised}

    This is no record of physical units: metres or newtons are not named.

    References:
        The Elements of Statistical Learning (Hastie, Tibshirani and Friedman, 2009), section 11.5

    Arguments:
        loc: Mean of each column over the training part, in original units, (D,) or
            (O,).
        scale: Standard deviation of each column over the training part, divided by N
            and not by N - 1, in original units, (D,) or (O,); 1 for a constant column.

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
    def fit(cls, values: Tensor) -> "Units":
        """Read loc and scale off the rows of `values`, (N, D); the training part, never the test.

        A constant column is found by its range: its standard deviation is often a
        rounding error above zero, and dividing by that would blow up the test part.
        """
        constant = values.amax(0) == values.amin(0)
        scale = values.std(0, correction=0).masked_fill(constant, 1.0)
        return cls(values.mean(0), scale)

    @classmethod
    def identity(cls, values: Tensor) -> "Units":
        """Leave columns like those of `values`, (N, D), in the units they are in."""
        return cls(
            values.new_zeros(values.shape[1:]), values.new_ones(values.shape[1:])
        )

    def standardise(self, values: Tensor) -> Tensor:
        """Map values in original units, (..., D), to standardised ones."""
        return (values - self.loc.to(values)) / self.scale.to(values)

    def restore(self, values: Tensor) -> Tensor:
        """Map standardised values, (..., D), back to original units."""
        return self.loc.to(values) + self.scale.to(values) * values
