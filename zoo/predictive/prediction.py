"""Predictions: the mixture over draws of the likelihood's distribution at each input."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import cached_property
from html import escape

import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

from zoo.likelihoods.likelihood import Likelihood
from zoo.predictive.density import (
    aligned_noise,
    distribution_of_draws,
    noise_draws,
    pointwise,
)
from zoo.predictive.quantiles import check_quantile, quantile_in_units
from zoo.predictive.units import TargetUnits


class Prediction:
    r"""The posterior predictive at N inputs: a mixture over S draws of all random variables.

    .. math:: p(y \mid x, D) \approx \frac{1}{S} \sum_s p(y \mid f(x; w_s), \text{noise}_s)

    `mean, uncertainty = prediction` is the short form: mean and standard deviation for
    regression, class probabilities and entropy in nats for classification.

    References:
        Bayesian Deep Learning and a Probabilistic Perspective of Generalization
        (Wilson, Izmailov, 2020)
        What Uncertainties Do We Need in Bayesian Deep Learning for Computer Vision?
        (Kendall, Gal, 2017)

    Arguments:
        likelihood: Turns outputs into distributions.
        outputs: Outputs of the network (S, N, ...).
        noise: Draws (S, ...) by site; those of the likelihood's own sites are used.
        loc: Added to targets, for predictions in other units.
        scale: Multiplies targets, for predictions in other units.
        given: Known quantities (N, ...) by name, of a likelihood that asks for them,
            such as the noise scale of `Gaussian(scale="given")`.

    Example:
        >>> prediction = Prediction(likelihoods.Gaussian(0.1), torch.zeros(20, 8, 1))
        >>> prediction.mean.shape, prediction.log_prob(torch.zeros(8, 1)).shape
        (torch.Size([8, 1]), torch.Size([8]))
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

    def __iter__(self) -> Iterator[Tensor]:
        return iter((self.mean, self.uncertainty))

    def __len__(self) -> int:
        return self.outputs.shape[1]

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

    def log_prob(self, y: Tensor) -> Tensor:
        r"""Return the log density of the mixture at targets y, (N,), in nats per datum.

        .. math:: \log \frac{1}{S} \sum_s p(y \mid f(x; w_s), \text{noise}_s)

        Should not be confused with the average over draws of the log density, which is
        never larger.

        Arguments:
            y: Targets, as the model was fitted with them (in other units after
                `affine`).

        Returns:
            (N,), summed over the dimensions of one target.
        """
        pointwise = self.pointwise(y)

        return pointwise.logsumexp(0) - math.log(len(pointwise))

    def pointwise(self, y: Tensor) -> Tensor:
        """Return the log density of each draw at targets y, (S, N), in nats.

        Leave-one-out cross-validation needs it.

        Arguments:
            y: Targets, in the units of the prediction.
        """
        return pointwise(
            self.likelihood, self.distribution, y, self.outputs, self._units, self.given
        )

    def first(self, number: int) -> Prediction:
        """Return the prediction at the first of the inputs."""
        given = None
        if self.given is not None:
            given = {name: value[:number] for name, value in self.given.items()}

        return self._copy(self.outputs[:, :number], self._units, given)

    def samples(self) -> Tensor:
        """Draw one target per draw and input, (S, N, ...)."""
        drawn = self.likelihood.as_observed(self.distribution).sample()

        return drawn if self.has_classes else self._units.to(drawn)

    def quantile(self, probability: float) -> Tensor:
        """Return the value that a target is below with a given probability, (N, ...).

        It is exact as `interval` is, and in the units of the targets.

        Arguments:
            probability: Mass below the quantile, between 0 and 1.

        Raises:
            ValueError: A probability that is not between 0 and 1.
            AttributeError: Targets that are classes, which have no order.

        Example:
            >>> prediction = Prediction(likelihoods.Gaussian(0.1), torch.zeros(20, 8, 1))
            >>> prediction.quantile(0.5).shape
            torch.Size([8, 1])
        """
        check_quantile(self.likelihood, self.distribution, probability)

        return quantile_in_units(self.distribution, probability, self._units)

    def interval(self, probability: float = 0.9) -> tuple[Tensor, Tensor]:
        """Return the central interval of the mixture, lower and upper ends (N, ...).

        It is exact for ordinal classes, and by bisection if the likelihood has a
        distribution function on the real line; else it is that of samples.

        Arguments:
            probability: Mass inside the interval, between 0 and 1.

        Raises:
            ValueError: A probability that is not between 0 and 1.
            AttributeError: Targets that are classes, which have no order.
        """
        check_quantile(self.likelihood, self.distribution, probability)
        half = probability / 2
        lower = quantile_in_units(self.distribution, 0.5 - half, self._units)
        upper = quantile_in_units(self.distribution, 0.5 + half, self._units)

        return lower, upper

    def affine(self, loc: Tensor | float, scale: Tensor | float) -> Prediction:
        """Return the prediction of loc + scale * y, for targets in other units.

        Arguments:
            loc: Added to the targets.
            scale: Multiplies the targets.

        Raises:
            ValueError: Targets that are classes, which have no units.
        """
        if self.has_classes:
            raise ValueError(f"{self.likelihood!r} is of classes, which have no units")

        self.likelihood.check_units()

        loc = torch.as_tensor(loc).to(self.outputs)
        scale = torch.as_tensor(scale).to(self.outputs)
        units = self._units.then(loc, scale)

        return self._copy(self.outputs, units, self.given)

    def __repr__(self) -> str:
        start = f"Prediction at {len(self)} inputs from {len(self.outputs)} draws"
        try:
            shape = f"mean {tuple(self.mean.shape)}"
        except (AttributeError, ValueError):  # no mean, or unknown noise
            shape = "without a mean"

        return f"{start} under {self.likelihood!r}: {shape}"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>"

    def _copy(
        self,
        outputs: Tensor,
        units: TargetUnits,
        given: Mapping[str, Tensor] | None,
    ) -> Prediction:
        """Return the prediction of other outputs, or in other units."""
        return Prediction(
            self.likelihood,
            outputs,
            self.noise,
            loc=units.loc,
            scale=units.scale,
            given=given,
        )
