"""Scale mixture prior: a wide normal and a narrow one about 0."""

from __future__ import annotations

import torch
from pyro.distributions import constraints
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor
from torch.distributions import Normal
from torch.distributions.utils import broadcast_all


class ScaleMixture(TorchDistribution):
    r"""Two normals about 0, one wide and one narrow: a peak at 0 with heavy tails.

    .. math:: p(w) = \pi \, N(w \mid 0, \sigma_1^2) + (1 - \pi) \, N(w \mid 0, \sigma_2^2)

    It has no closed-form divergence from a normal, which is then estimated from the draw.

    References:
        Weight Uncertainty in Neural Networks (Blundell, Cornebise, Kavukcuoglu, Wierstra, 2015)

    Arguments:
        pi: Weight of the first component, from 0 to 1.
        scale1: Standard deviation of the first component.
        scale2: Standard deviation of the second component.
        validate_args: Whether to check arguments and values, as in every distribution of torch.

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
        self, pi: Tensor | float, scale1: Tensor | float, scale2: Tensor | float, validate_args: bool | None = None
    ) -> None:
        self.pi, self.scale1, self.scale2 = broadcast_all(pi, scale1, scale2)
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
        batch_shape = torch.Size(batch_shape)
        parts = (part.expand(batch_shape) for part in (self.pi, self.scale1, self.scale2))
        return ScaleMixture(*parts, validate_args=False)

    def sample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:  # noqa: B008
        """Draw a component, then the normal; no gradient."""
        shape = self._extended_shape(sample_shape)
        with torch.no_grad():
            first = torch.bernoulli(self.pi.expand(shape)) == 1
            scale = torch.where(first, self.scale1, self.scale2)
            return scale * torch.randn_like(scale)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density."""
        wide, narrow = (Normal(0.0, scale, validate_args=False).log_prob(value) for scale in (self.scale1, self.scale2))
        return torch.logaddexp(self.pi.log() + wide, (-self.pi).log1p() + narrow)
