"""Moments of a likelihood's distribution: its expectation, and the split of its uncertainty."""

from __future__ import annotations

from collections.abc import Mapping

from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor


class Uncertainty:
    """The part of a likelihood that summarises p(y | f): expectation and uncertainty.

    Attributes:
        discrete: Whether targets are classes. Then uncertainties are entropies in nats;
            otherwise they are variances in squared units of y.
    """

    discrete: bool = False

    def distribution(
        self, output: Tensor, noise: Mapping[str, Tensor]
    ) -> TorchDistributionMixin:
        """Return p(y | f) for each datum."""
        raise NotImplementedError

    def expectation(self, distribution: TorchDistributionMixin) -> Tensor:
        """Return E[y | f], (*, N, ...), or for classes their probabilities, (*, N, O).

        Posteriors are compared by these, because they contain no noise.
        """
        return distribution.mean

    def functions(self, output: Tensor, noise: Mapping[str, Tensor]) -> Tensor:
        """Return the function without noise, as `expectation` does, of outputs (*, N, O).

        Arguments:
            output: The network's output.
            noise: Values of noise sites and known quantities by name.
        """
        return self.expectation(self.distribution(output, noise))

    def split(self, distribution: TorchDistributionMixin) -> tuple[Tensor, Tensor]:
        r"""Split the predictive uncertainty into epistemic and aleatoric uncertainty.

        .. math:: \text{Var}[y] = \text{Var}_w E[y | w] + E_w \text{Var}[y | w]

        For regression both are variances. For classification they are the mutual
        information and the expected entropy, in nats.

        References:
            Decomposition of Uncertainty in Bayesian Deep Learning (Depeweg et al., 2018)

        Arguments:
            distribution: p(y | f) for S draws of the weights, with batch shape (S, N,
                ...).

        Returns:
            Epistemic and aleatoric uncertainty, (N, ...) each.
        """
        epistemic = distribution.mean.var(0, correction=0)
        aleatoric = distribution.variance.mean(0)
        return epistemic, aleatoric

    def uncertainty(self, distribution: TorchDistributionMixin) -> Tensor:
        """Return the predictive uncertainty of each target, (N, ...): the standard deviation.

        It is what `mean, uncertainty = posterior.predict(x)` gives.

        Arguments:
            distribution: p(y | f) for S draws of the weights, with batch shape (S, N,
                ...).
        """
        epistemic, aleatoric = self.split(distribution)
        return (epistemic + aleatoric).sqrt()
