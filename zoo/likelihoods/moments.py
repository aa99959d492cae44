"""What is said of a likelihood's distribution: its expectation, and the split of uncertainty."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from pyro.distributions import Categorical, OrderedLogistic
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

from zoo.runtime.distributions import without_events


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

    def has_classes(self, distribution: TorchDistributionMixin) -> bool:
        """Return whether targets are classes: of a `Categorical` they always are."""
        return self.discrete or isinstance(without_events(distribution), Categorical)

    def has_order(self, distribution: TorchDistributionMixin) -> bool:
        """Return whether targets have an order: all but classes, unless these are ordinal."""
        is_ordinal = isinstance(without_events(distribution), OrderedLogistic)

        return is_ordinal or not self.has_classes(distribution)

    def expectation(self, distribution: TorchDistributionMixin) -> Tensor:
        """Return E[y | f], (*, N, ...), or for classes their probabilities, (*, N, ..., O).

        Posteriors are compared by these, because they contain no noise.

        Raises:
            AttributeError: A distribution without a mean.
        """
        if self.has_classes(distribution):
            return without_events(distribution).probs

        return self._moment("mean", distribution)

    def functions(self, output: Tensor, noise: Mapping[str, Tensor]) -> Tensor:
        """Return the function without noise, as `expectation` does, of outputs (*, N, O).

        Arguments:
            output: The network's output.
            noise: Values of noise sites and known quantities by name.
        """
        return self.expectation(self.distribution(output, noise))

    def split(self, distribution: TorchDistributionMixin) -> tuple[Tensor, Tensor]:
        r"""Split the predictive uncertainty into epistemic and aleatoric uncertainty.

        .. math::
            \text{Var}[y] = \text{Var}_w E[y | w] + E_w \text{Var}[y | w], \qquad
            H[E_w p(y | w)] = I[y, w] + E_w H[p(y | w)]

        For regression both are variances. For classification they are the mutual
        information and the expected entropy, in nats.

        References:
            Decomposition of Uncertainty in Bayesian Deep Learning (Depeweg et al., 2018)

        Arguments:
            distribution: p(y | f) for S draws of the weights, with batch shape (S, N,
                ...).

        Returns:
            Epistemic and aleatoric uncertainty, (N, ...) each.

        Raises:
            AttributeError: A distribution without a mean or a variance.
        """
        if self.has_classes(distribution):
            classes = without_events(distribution)
            # Both entropies are computed from probabilities, so that their rounding errors agree.
            aleatoric = _with_probs(classes, classes.probs).entropy().mean(0)
            epistemic = self.uncertainty(distribution) - aleatoric

            return epistemic.clamp_min(0.0), aleatoric

        epistemic = self._moment("mean", distribution).var(0, correction=0)
        aleatoric = self._moment("variance", distribution).mean(0)

        return epistemic, aleatoric

    def uncertainty(self, distribution: TorchDistributionMixin) -> Tensor:
        """Return the predictive uncertainty of each target, (N, ...).

        It is the standard deviation, or for classes the entropy of the averaged
        probabilities, in nats. It is what `mean, uncertainty = posterior.predict(x)` gives.

        Arguments:
            distribution: p(y | f) for S draws of the weights, with batch shape (S, N,
                ...).
        """
        if self.has_classes(distribution):
            classes = without_events(distribution)
            return _with_probs(classes, classes.probs.mean(0)).entropy()

        epistemic, aleatoric = self.split(distribution)
        return (epistemic + aleatoric).sqrt()

    def _moment(self, name: str, distribution: TorchDistributionMixin) -> Tensor:
        """Return the mean or the variance, or refuse one that does not exist.

        Where a parameter is not finite, neither is the moment, and that is no property of
        the distribution.
        """
        try:
            value = getattr(distribution, name)
        except NotImplementedError:
            value = None

        if value is not None:
            is_finite = bool(torch.isfinite(value).all())
            if is_finite or not _has_finite_parameters(distribution):
                return value

        family = type(without_events(distribution)).__name__
        raise AttributeError(
            f"the {name} of {family} under {self!r} does not exist or is infinite; use "
            "prediction.interval, quantile or samples, or define expectation and split in a "
            "likelihood of your own"
        )


def _with_probs(
    classes: TorchDistributionMixin, probs: Tensor
) -> TorchDistributionMixin:
    """Return the distribution of classes with given probabilities."""
    family = Categorical if isinstance(classes, Categorical) else type(classes)

    return family(probs=probs)


def _has_finite_parameters(distribution: TorchDistributionMixin) -> bool:
    """Return whether every parameter of a distribution is finite."""
    base = without_events(distribution)
    for name in base.arg_constraints:
        value = getattr(base, name, None)
        if isinstance(value, Tensor) and not bool(torch.isfinite(value).all()):
            return False

    return True
