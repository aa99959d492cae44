"""Moments of a prediction: its mean, and its uncertainty split into epistemic and aleatoric."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

from zoo.likelihoods.likelihood import Likelihood
from zoo.predictive.density import aligned_noise, distribution_of_draws, noise_draws
from zoo.predictive.units import TargetUnits


class PredictiveMoments:
    """The part of a `Prediction` that holds the draws, and says what is expected and how surely.

    Arguments:
        likelihood: Turns outputs into distributions.
        outputs: Outputs of the network (S, N, ...).
        noise: Draws (S, ...) by site; those of the likelihood's own sites are used.
        loc: Added to targets, for predictions in other units.
        scale: Multiplies targets, for predictions in other units.
        given: Known quantities (N, ...) by name.
    """

    def __init__(
        self,
        likelihood: Likelihood,
        outputs: Tensor,
        noise: Mapping[str, Tensor] | None = None,
        loc: Tensor | float = 0.0,
        scale: Tensor | float = 1.0,
        given: Mapping[str, Tensor] | None = None,
    ) -> None:
        self.likelihood = likelihood
        self.outputs = outputs
        self.noise = noise_draws(noise)
        self.given = given
        self.loc = loc
        self.scale = scale
        self._units = TargetUnits(loc, scale)
        if given is not None:
            likelihood.check_given(given, outputs[0])

    @cached_property
    def distribution(self) -> TorchDistributionMixin:
        """p(y | draw) for every draw: batch shape (S, N, ...), in the units of the model."""
        return distribution_of_draws(
            self.likelihood, self.outputs, self.noise, self.given
        )

    @property
    def has_classes(self) -> bool:
        """Whether targets are classes, so that uncertainty is entropy in nats."""
        lacks_noise = bool(self.likelihood.given) and self.given is None
        if self.likelihood.discrete or lacks_noise:
            return self.likelihood.discrete

        return self.likelihood.has_classes(self.distribution)

    @property
    def functions(self) -> Tensor:
        """Each draw's function without noise, (S, N, ...): E[y | f] or class probabilities."""
        outputs = self.likelihood.arranged(self.outputs, batch_dim=1)
        noise = aligned_noise(self.likelihood, self.noise, outputs, self.given)
        values = self.likelihood.functions(outputs, noise)

        return values if self.has_classes else self._units.to(values)

    @property
    def mean(self) -> Tensor:
        """Predictive mean, (N, ...); for classification the class probabilities (N, ..., O)."""
        return self.functions.mean(0)

    @property
    def probs(self) -> Tensor:
        """Class probabilities averaged over draws, (N, ..., O): the classes are last.

        They have the shape of targets and a dimension more, whatever the dimension of the
        classes in the network's output.
        """
        if not self.has_classes:
            raise AttributeError(
                f"{self.likelihood!r} has no classes; use mean, std or interval"
            )

        return self.mean

    @property
    def epistemic(self) -> Tensor:
        """Uncertainty about the function: variance (N, ...) or mutual information (N,) in nats."""
        if not self.has_classes:
            return self.functions.var(0, correction=0)

        epistemic, _ = self.likelihood.split(self.distribution)
        return epistemic

    @property
    def aleatoric(self) -> Tensor:
        """Uncertainty due to noise: expected variance (N, ...), or entropy (N,) in nats."""
        _, aleatoric = self.likelihood.split(self.distribution)

        return aleatoric if self.has_classes else aleatoric * self.scale**2

    @property
    def std(self) -> Tensor:
        """Standard deviation (N, ...): the root of epistemic plus aleatoric variance."""
        if self.has_classes:
            raise AttributeError(
                f"{self.likelihood!r} is of classes, which have no standard deviation; use entropy"
            )

        epistemic, aleatoric = self.likelihood.split(self.distribution)
        variance = (epistemic + aleatoric) * self.scale**2

        return variance.sqrt()

    @property
    def entropy(self) -> Tensor:
        """Entropy of the averaged class probabilities, (N,), in nats: epistemic plus aleatoric."""
        if not self.has_classes:
            raise AttributeError(
                f"the entropy under {self.likelihood!r} has no closed form; use std"
            )

        return self.likelihood.uncertainty(self.distribution)

    @property
    def uncertainty(self) -> Tensor:
        """Entropy in nats for classification, else standard deviation."""
        return self.entropy if self.has_classes else self.std
