"""Predictions: the mixture over draws of the likelihood's distribution at each input."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from html import escape

import torch
from torch import Tensor

from zoo.predictive.class_probs import class_probs
from zoo.predictive.decisions import Decisions, Loss, decide
from zoo.predictive.density import pointwise
from zoo.predictive.moments import PredictiveMoments
from zoo.predictive.quantiles import check_quantile, quantile_in_units
from zoo.predictive.units import TargetUnits


class Prediction(PredictiveMoments):
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

    def __iter__(self) -> Iterator[Tensor]:
        return iter((self.mean, self.uncertainty))

    def __len__(self) -> int:
        return self.outputs.shape[1]

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

    def decide(self, loss: Loss) -> Decisions:
        r"""Return the decision of least expected loss at each input, not the likeliest class.

        .. math:: a(x) = \arg\min_a \sum_k L_{ak} \, p(y = k \mid x, D)

        With the loss 1 of every error it is the likeliest class. Of two classes it is 1
        where p(1 | x) is above L10 / (L01 + L10), if right decisions cost nothing.

        References:
            Statistical Decisions Theory and Bayesian Analysis (Berger, 1985)

        Arguments:
            loss: Loss of each decision (rows) under each true class (columns): (O, O), or
                (A, O) with other decisions, such as to ask a person at a price. The
                classes of a Bernoulli are 0 and 1.

        Raises:
            AttributeError: Targets that are no classes.
            ValueError: Not a column for each class, or a loss that is not finite.

        Example:
            >>> logits = torch.tensor([[[0.8, 0.2], [0.5, 0.5], [0.1, 0.9]]]).log()
            >>> prediction = Prediction(likelihoods.Categorical(), logits)
            >>> ask = [0.15, 0.15]  # a third decision, whatever the class is
            >>> prediction.decide([[0, 1], [1, 0], ask]).chosen
            tensor([2, 2, 1])
        """
        if not self.has_classes:
            raise AttributeError(
                f"{self.likelihood!r} has no classes to decide between; report prediction.mean "
                "for a squared loss, and prediction.quantile(a / (a + b)) if a target above it "
                "costs a per unit, and one below it b"
            )

        return decide(class_probs(self).mean(0), loss)

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
