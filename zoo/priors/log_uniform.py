"""Log-uniform prior: improper, and uniform in the logarithm of the size of a weight."""

from __future__ import annotations

import torch
from pyro.distributions import constraints
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor
from torch.types import _size


class LogUniform(TorchDistribution):
    r"""Uniform in log |w|: it has no preferred size of a weight.

    .. math:: \log p(w) = -\log |w| + \text{const}

    It is the prior of sparse variational dropout.

    It is improper: it does not integrate to one, neither at infinity nor at 0. So it has
    no draws, and no guide over it has a bound. Under most likelihoods the posterior is
    improper as well, with all its mass at 0, where the density is cut off at the smallest
    normal number. A fit is then regularised, but it approximates no posterior.

    References:
        Variational Dropout and the Local Reparameterization Trick (Kingma, Salimans, Welling,
        2015)
        Variational Dropout Sparsifies Deep Neural Networks (Molchanov, Ashukha, Vetrov, 2017)
        Variational Bayesian dropout: pitfalls and fixes (Hron, Matthews, Ghahramani, 2018)

    Arguments:
        batch_shape: Shape of independent elements.

    Example:
        >>> rule = priors.by_name({"*.weight": LogUniform()}, otherwise=dist.Normal(0.0, 1.0))
        >>> priors.WeightPrior(rule)
        WeightPrior(by_name({'*.weight': LogUniform()}, otherwise=Normal(0, 1)))
    """

    arg_constraints = {}  # noqa: RUF012
    support = constraints.real
    improper = True

    def __init__(self, batch_shape: torch.Size = torch.Size()) -> None:  # noqa: B008
        super().__init__(batch_shape, validate_args=False)

    def expand(self, batch_shape: _size, _instance: object = None) -> LogUniform:
        """Return the distribution for a batch."""
        return LogUniform(torch.Size(batch_shape))

    def sample(self, sample_shape: _size = torch.Size()) -> Tensor:  # noqa: B008
        """Refuse to draw.

        Raises:
            ValueError: Always.
        """
        raise ValueError(
            "the log-uniform prior is improper and has no draws; fit the model and draw from the "
            "posterior, or use a proper prior such as dist.Normal(0.0, 1.0)"
        )

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density, up to the constant that it does not have."""
        smallest = torch.finfo(value.dtype).tiny
        size = value.abs().clamp_min(smallest)

        shape = torch.broadcast_shapes(value.shape, self.batch_shape)

        return -size.log().expand(shape)
