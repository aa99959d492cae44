"""Bernoulli likelihood: the network gives one logit for each binary target."""

from __future__ import annotations

from collections.abc import Mapping

import pyro.distributions as dist
from torch import Tensor

from zoo.likelihoods.categorical import Categorical
from zoo.likelihoods.likelihood import Likelihood


class Bernoulli(Categorical):
    r"""Binary targets, each from its logit; outputs and targets have the same shape, e.g. (N, 1).

    .. math:: p(y = 1 | f) = 1 / (1 + e^{-f})

    References:
        The regression analysis of binary sequences (Cox, 1958)

    Example:
        >>> Bernoulli().distribution(torch.zeros(8, 1), {}).probs[0]
        tensor([0.5000])
    """

    target = "zeros and ones"

    def distribution(
        self, output: Tensor, noise: Mapping[str, Tensor]
    ) -> dist.Bernoulli:
        """Return Bernoulli(logits=output)."""
        return dist.Bernoulli(logits=output)

    # Targets may have any dtype here, so that the checks of class indices do not apply.

    def encode(self, y: Tensor, like: Tensor) -> Tensor:
        """Return zeros and ones of any dtype as the floats that the density needs."""
        return Likelihood.encode(self, y, like)

    def check(self, output: Tensor, y: Tensor) -> None:
        """Refuse targets other than zeros and ones."""
        Likelihood.check(self, output, y)
