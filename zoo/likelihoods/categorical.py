"""Categorical likelihood: the network gives logits of O classes."""

from __future__ import annotations

from collections.abc import Mapping

import pyro.distributions as dist
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

from zoo.likelihoods.likelihood import Likelihood


class Categorical(Likelihood):
    r"""Classification: one of O classes, from the O logits that the network returns.

    .. math:: p(y = c | f) = e^{f_c} / \textstyle\sum_o e^{f_o}

    References:
        Probabilistic interpretation of feedforward classification network outputs (Bridle, 1990)

    Example:
        >>> Categorical().distribution(torch.zeros(8, 10), {}).probs[0, 0]
        tensor(0.1000)
    """

    target = "class indices 0 .. O - 1"
    discrete = True

    def distribution(
        self, output: Tensor, noise: Mapping[str, Tensor]
    ) -> dist.Categorical:
        """Return Categorical(logits=output)."""
        return dist.Categorical(logits=output)

    def encode(self, y: Tensor, like: Tensor) -> Tensor:
        """Return class indices unchanged."""
        return y

    def check(self, output: Tensor, y: Tensor) -> None:
        """Refuse labels that are not class indices."""
        if y.is_floating_point() or y.is_complex():
            raise ValueError(
                f"labels must be integers, the class indices, not {y.dtype}; write y.long()"
            )
        super().check(output, y)

    def expectation(self, distribution: dist.Categorical) -> Tensor:
        """Return the class probabilities (*, N, O)."""
        return distribution.probs

    def split(self, distribution: TorchDistributionMixin) -> tuple[Tensor, Tensor]:
        r"""Split the entropy of the averaged probabilities into epistemic and aleatoric, in nats.

        .. math:: H[E_w p(y | w)] = I[y, w] + E_w H[p(y | w)]

        The epistemic part is the mutual information of y and w, the aleatoric part the
        expected entropy.
        """
        # Both entropies are computed from probabilities, so that their rounding errors agree.
        of_draws = type(distribution)(probs=distribution.probs)
        aleatoric = of_draws.entropy().mean(0)
        epistemic = self.uncertainty(distribution) - aleatoric

        return epistemic.clamp_min(0.0), aleatoric

    def uncertainty(self, distribution: TorchDistributionMixin) -> Tensor:
        """Return the entropy of the averaged probabilities, in nats."""
        averaged = type(distribution)(probs=distribution.probs.mean(0))
        return averaged.entropy()
