"""The base of likelihoods of classes: probabilities, and uncertainty in nats."""

from __future__ import annotations

from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

from zoo.likelihoods.likelihood import Likelihood


class Classes(Likelihood):
    """A likelihood whose targets are classes, so that uncertainties are entropies in nats."""

    discrete = True

    def expectation(self, distribution: TorchDistributionMixin) -> Tensor:
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
