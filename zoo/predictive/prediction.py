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
from zoo.predictive.density import aligned_noise, noise_draws, pointwise
from zoo.predictive.quantiles import mixture_quantile
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
        return self.likelihood.distribution(self.outputs, self._all_noise)

    @property
    def _all_noise(self) -> dict[str, Tensor]:
        """The noise and the known quantities, which broadcast with the outputs."""
        return aligned_noise(self.likelihood, self.noise, self.outputs, self.given)

    @property
    def functions(self) -> Tensor:
        """Each draw's function without noise, (S, N, ...): E[y | f] or class probabilities."""
        values = self.likelihood.functions(self.outputs, self._all_noise)

        return values if self.likelihood.discrete else self._units.to(values)

    @property
    def mean(self) -> Tensor:
        """Predictive mean, (N, ...); for classification the class probabilities (N, O)."""
        return self.functions.mean(0)

    @property
    def probs(self) -> Tensor:
        """Class probabilities averaged over draws, (N, O)."""
        if not self.likelihood.discrete:
            raise AttributeError(
                f"{self.likelihood!r} has no classes; use mean, std or interval"
            )

        return self.mean

    @property
    def epistemic(self) -> Tensor:
        """Uncertainty about the function: variance (N, ...) or mutual information (N,) in nats."""
        epistemic, _ = self.likelihood.split(self.distribution)

        return epistemic * self._squared_scale

    @property
    def aleatoric(self) -> Tensor:
        """Uncertainty due to noise: expected variance (N, ...), or entropy (N,) in nats."""
        _, aleatoric = self.likelihood.split(self.distribution)

        return aleatoric * self._squared_scale

    @property
    def std(self) -> Tensor:
        """Standard deviation (N, ...): the root of epistemic plus aleatoric variance."""
        if self.likelihood.discrete:
            raise AttributeError(
                f"{self.likelihood!r} is of classes, which have no standard deviation; use entropy"
            )

        epistemic, aleatoric = self.likelihood.split(self.distribution)
        variance = (epistemic + aleatoric) * self._squared_scale

        return variance.sqrt()

    @property
    def entropy(self) -> Tensor:
        """Entropy of the averaged class probabilities, (N,), in nats: epistemic plus aleatoric."""
        if not self.likelihood.discrete:
            raise AttributeError(
                f"the entropy under {self.likelihood!r} has no closed form; use std"
            )

        return self.likelihood.uncertainty(self.distribution)

    @property
    def uncertainty(self) -> Tensor:
        """Entropy in nats for classification, else standard deviation."""
        return self.entropy if self.likelihood.discrete else self.std

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
        drawn = self.distribution.sample()

        return drawn if self.likelihood.discrete else self._units.to(drawn)

    def quantile(self, probability: float) -> Tensor:
        """Return the value that a target is below with a given probability, (N, ...).

        It is exact if the likelihood has a distribution function on the real line, else
        from samples. It has the units of the targets, as `interval` does.

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
        self._check_probability(probability)
        quantile = mixture_quantile(self.distribution, probability)

        is_reversed = self._units.is_reversed(quantile)
        if bool(is_reversed.any()):
            from_above = mixture_quantile(self.distribution, 1 - probability)
            quantile = torch.where(is_reversed, from_above, quantile)

        return self._units.to(quantile)

    def interval(self, probability: float = 0.9) -> tuple[Tensor, Tensor]:
        """Return the central interval of the mixture, lower and upper ends (N, ...).

        It is exact if the likelihood has a distribution function on the real line, by
        bisection of that of the mixture, else from samples.

        Arguments:
            probability: Mass inside the interval, between 0 and 1.

        Raises:
            ValueError: A probability that is not between 0 and 1.
            AttributeError: Targets that are classes, which have no order.
        """
        self._check_probability(probability)
        half = probability / 2
        one = self._units.to(mixture_quantile(self.distribution, 0.5 - half))
        other = self._units.to(mixture_quantile(self.distribution, 0.5 + half))

        # a negative scale exchanges the ends
        return torch.minimum(one, other), torch.maximum(one, other)

    def affine(self, loc: Tensor | float, scale: Tensor | float) -> Prediction:
        """Return the prediction of loc + scale * y, for targets in other units.

        Arguments:
            loc: Added to the targets.
            scale: Multiplies the targets.

        Raises:
            ValueError: Targets that are classes, which have no units.
        """
        if self.likelihood.discrete:
            raise ValueError(f"{self.likelihood!r} is of classes, which have no units")

        loc = torch.as_tensor(loc).to(self.outputs)
        scale = torch.as_tensor(scale).to(self.outputs)
        units = self._units.then(loc, scale)

        return self._copy(self.outputs, units, self.given)

    def __repr__(self) -> str:
        num_samples, shape = len(self.outputs), tuple(self.mean.shape)
        return (
            f"Prediction at {len(self)} inputs from {num_samples} draws "
            f"under {self.likelihood!r}: mean {shape}"
        )

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

    @property
    def _squared_scale(self) -> Tensor | float:
        """The factor of variances; uncertainty in nats has no units."""
        return 1.0 if self.likelihood.discrete else self.scale**2

    def _check_probability(self, probability: float) -> None:
        """Refuse an improper probability, and quantiles of classes."""
        if not 0 < probability < 1:
            raise ValueError(f"probability must be between 0 and 1, not {probability}")

        if self.likelihood.discrete:
            raise AttributeError(
                f"{self.likelihood!r} is of classes, which have no order; use probs"
            )
