"""Scale mixture prior: a wide normal and a narrow one about 0."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from pyro.distributions import constraints
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor
from torch.distributions.utils import broadcast_all


class ScaleMixture(TorchDistribution):
    r"""Two normals about 0, one wide and one narrow: a peak at 0 with heavy tails.

    .. math:: p(w) = \pi \, N(w \mid 0, \sigma_1^2) + (1 - \pi) \, N(w \mid 0, \sigma_2^2)

    It has no closed-form divergence from a normal, which is then estimated from the
    draw.

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
        self.terms = terms(self.pi, self.scale1, self.scale2)
        super().__init__(self.pi.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """The mean, 0."""
        return torch.zeros_like(self.pi)

    @property
    def variance(self) -> Tensor:
        """The variance."""
        return self.pi * self.scale1.square() + (1 - self.pi) * self.scale2.square()

    def expand(self, batch_shape: torch.Size, _instance: object = None) -> ScaleMixture:
        """Return the distribution for a batch."""
        batch_shape, new = torch.Size(batch_shape), ScaleMixture.__new__(ScaleMixture)
        new.pi, new.scale1, new.scale2 = (
            part.expand(batch_shape) for part in (self.pi, self.scale1, self.scale2)
        )
        new.terms = self.terms  # a few numbers, however many weights there are
        super(ScaleMixture, new).__init__(batch_shape, validate_args=False)
        return new

    def sample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:  # noqa: B008
        """Draw a component, then the normal; no gradient."""
        shape = self._extended_shape(sample_shape)
        with torch.no_grad():
            first = torch.bernoulli(self.pi.expand(shape)) == 1
            scale = torch.where(first, self.scale1, self.scale2)
            return scale * torch.randn_like(scale)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density."""
        constant, precision, odds, more = self.terms
        square = value.square()
        found = constant - precision * square + F.softplus(odds - more * square)
        return found.expand(torch.broadcast_shapes(found.shape, self.batch_shape))


def terms(pi: Tensor, scale1: Tensor, scale2: Tensor) -> tuple[Tensor, ...]:
    r"""Return a, b, c and d of the log density, which are the same for all the weights of a layer.

    .. math:: \log p(w) = a - b w^2 + \operatorname{softplus}(c - d w^2)

    The wide component stands before the softplus: in the tail, where the narrow one is
    nothing, none of it cancels.
    """
    first = (scale1 >= scale2) & (pi > 0) | (pi == 1)
    wide, narrow = (
        torch.where(first, scale1, scale2),
        torch.where(first, scale2, scale1),
    )
    weight, other = torch.where(first, pi, 1 - pi), torch.where(first, 1 - pi, pi)
    constant = (weight / wide).log() - 0.5 * math.log(2 * math.pi)
    odds = (other / narrow).log() - (weight / wide).log()
    precision = 0.5 / wide.square()
    return constant, precision, odds, 0.5 / narrow.square() - precision
