"""The random choice of one draw among candidates by their importance."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from pyro.distributions import constraints
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor

from guides._base.shape import Shape


class Choice(TorchDistribution):
    r"""The index of a candidate, with probability proportional to its weight.

    .. math:: \log \tilde q = \log p(y, z_k) - \log \tfrac1K \textstyle\sum_j w_j

    `log_prob` is this value, which stands for the log density of the chosen draw: the ELBO
    with it is the log of the mean weight, whose expectation is a bound.

    Arguments:
        log_joint: Log joint density of each candidate, (K,).
        log_weights: Log weight of each candidate, (K,).
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    has_rsample = True

    def __init__(self, log_joint: Tensor, log_weights: Tensor) -> None:
        self.log_joint = log_joint
        self.log_weights = log_weights
        super().__init__(validate_args=False)

    @property
    def support(self) -> constraints.Constraint:
        """The indices of the candidates."""
        return constraints.integer_interval(0, len(self.log_weights) - 1)

    def rsample(self, sample_shape: Shape = torch.Size()) -> Tensor:  # noqa: B008
        """Draw the index of a candidate, ()."""
        return torch.distributions.Categorical(logits=self.log_weights).sample()

    def expand(self, batch_shape: Shape, _instance: Any = None) -> Choice:
        """Refuse a batch of draws: all of them would come from one set of candidates."""
        raise ValueError(
            f"Resampled makes one draw at a time, not a batch of shape {tuple(batch_shape)}"
        )

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density that stands for that of the draw."""
        mean = self.log_weights.logsumexp(-1) - math.log(len(self.log_weights))

        return self.log_joint[value] - mean
