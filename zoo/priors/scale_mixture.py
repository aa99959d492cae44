"""Scale mixture prior: a wide normal and a narrow one around 0."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from pyro.distributions import constraints
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor
from torch.distributions.utils import broadcast_all
from torch.types import _size


class ScaleMixture(TorchDistribution):
    r"""Two normals around 0, one wide and one narrow: a peak at 0 with heavy tails.

    .. math:: p(w) = \pi \, N(w \mid 0, \sigma_1^2) + (1 - \pi) \, N(w \mid 0, \sigma_2^2)

    Its divergence from a normal has no closed form; it is estimated from the draw.

    References:
        Weight Uncertainty in Neural Networks (Blundell, Cornebise, Kavukcuoglu, Wierstra, 2015)

    Arguments:
        pi: Weight of the first component, from 0 to 1.
        scale1: Standard deviation of the first component.
        scale2: Standard deviation of the second component.
        validate_args: Whether to check arguments and values, as in every distribution
            of torch.

    Example:
        >>> priors.WeightPrior(ScaleMixture(0.5, 1.0, 0.1))
        WeightPrior(ScaleMixture(0.5, 1, 0.1))
        >>> ScaleMixture(0.5, 1.0, 0.1).variance
        tensor(0.5050)
    """

    arg_constraints = {  # noqa: RUF012
        "pi": constraints.unit_interval,
        "scale1": constraints.positive,
        "scale2": constraints.positive,
    }
    support = constraints.real

    def __init__(
        self,
        pi: Tensor | float,
        scale1: Tensor | float,
        scale2: Tensor | float,
        validate_args: bool | None = None,
    ) -> None:
        self.pi, self.scale1, self.scale2 = broadcast_all(pi, scale1, scale2)
        self.terms = _terms(self.pi, self.scale1, self.scale2)

        super().__init__(self.pi.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """The mean, 0."""
        return torch.zeros_like(self.pi)

    @property
    def variance(self) -> Tensor:
        """The variance."""
        first = self.pi * self.scale1.square()
        second = (1 - self.pi) * self.scale2.square()
        return first + second

    def expand(self, batch_shape: _size, _instance: object = None) -> ScaleMixture:
        """Return the distribution for a batch."""
        shape = torch.Size(batch_shape)
        new = ScaleMixture.__new__(ScaleMixture)
        new.pi = self.pi.expand(shape)
        new.scale1 = self.scale1.expand(shape)
        new.scale2 = self.scale2.expand(shape)
        new.terms = self.terms  # not expanded: they are the same for all weights
        super(ScaleMixture, new).__init__(shape, validate_args=False)

        return new

    def sample(self, sample_shape: _size = torch.Size()) -> Tensor:  # noqa: B008
        """Draw a component, then the normal; without gradient."""
        shape = self._extended_shape(torch.Size(sample_shape))
        with torch.no_grad():
            pi = self.pi.expand(shape)
            is_first = torch.bernoulli(pi) == 1
            scale = torch.where(is_first, self.scale1, self.scale2)

            return scale * torch.randn_like(scale)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density."""
        a, b, c, d = self.terms
        square = value.square()
        odds = F.softplus(c - d * square)
        log_prob = a - b * square + odds

        shape = torch.broadcast_shapes(log_prob.shape, self.batch_shape)

        return log_prob.expand(shape)


def _terms(
    pi: Tensor, scale1: Tensor, scale2: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    r"""Return a, b, c and d of the log density, which are the same for all the weights of a layer.

    .. math:: \log p(w) = a - b w^2 + \operatorname{softplus}(c - d w^2)

    The term before the softplus is the wide component. In the tail the narrow component
    is negligible, so that the softplus is near 0 and nothing cancels.
    """
    # A component of weight 0 must not be the wide one.
    first_is_wide = (scale1 >= scale2) & (pi > 0) | (pi == 1)

    wide = torch.where(first_is_wide, scale1, scale2)
    narrow = torch.where(first_is_wide, scale2, scale1)

    wide_weight = torch.where(first_is_wide, pi, 1 - pi)
    narrow_weight = torch.where(first_is_wide, 1 - pi, pi)

    log_wide = (wide_weight / wide).log()
    log_narrow = (narrow_weight / narrow).log()

    wide_precision = 0.5 / wide.square()
    narrow_precision = 0.5 / narrow.square()

    a = log_wide - 0.5 * math.log(2 * math.pi)
    c = log_narrow - log_wide
    d = narrow_precision - wide_precision

    return a, wide_precision, c, d
