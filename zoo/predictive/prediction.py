"""Prediction: the mixture over draws of what the likelihood says at each input."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import cached_property

import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor
from torch.distributions import constraints

from zoo.likelihoods.likelihood import Likelihood

SAMPLES = 1000  # at least so many targets, for an interval that has no closed form


class Prediction:
    r"""The posterior predictive at N inputs, a mixture over S draws of everything that is random, noise included.

    .. math:: p(y \mid x, D) \approx \frac{1}{S} \sum_s p(y \mid f(x; w_s), \text{noise}_s)

    `mean, uncertainty = prediction` is the short form: mean and standard deviation for
    regression, class probabilities and entropy in nats for classification.

    References:
        Bayesian Deep Learning and a Probabilistic Perspective of Generalization (Wilson, Izmailov, 2020)
        What Uncertainties Do We Need in Bayesian Deep Learning for Computer Vision? (Kendall, Gal, 2017)

    Arguments:
        likelihood: Turns outputs into distributions.
        outputs: Outputs of the network (S, N, ...).
        noise: Draws of the likelihood's own sites (S, ...) among others by name.
        loc: Added to targets, to map predictions to other units.
        scale: Multiplies targets, likewise.

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
    ) -> None:
        self.likelihood, self.outputs, self.loc, self.scale = (
            likelihood,
            outputs,
            loc,
            scale,
        )
        self.noise = {
            name: value.reshape(
                len(value), *[1] * (outputs.dim() - value.dim()), *value.shape[1:]
            )
            for name, value in (noise or {}).items()
            if name.startswith("likelihood:")
        }

    def __iter__(self) -> Iterator[Tensor]:
        return iter((self.mean, self.uncertainty))

    def __len__(self) -> int:
        return self.outputs.shape[1]

    @cached_property
    def distribution(self) -> TorchDistributionMixin:
        """p(y | draw) for every draw: batch shape (S, N, ...), in the units of the model."""
        return self.likelihood.distribution(self.outputs, self.noise)

    @property
    def functions(self) -> Tensor:
        """What each draw says, free of noise, (S, N, ...): E[y | f] or class probabilities."""
        values = self.likelihood.expectation(self.distribution)
        return values if self.likelihood.discrete else self.loc + self.scale * values

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
        """Uncertainty about the function: a variance (N, ...), or mutual information (N,) in nats."""
        return self.likelihood.split(self.distribution)[0] * self._squared_scale

    @property
    def aleatoric(self) -> Tensor:
        """Uncertainty that no data remove: expected variance (N, ...), or expected entropy (N,) in nats."""
        return self.likelihood.split(self.distribution)[1] * self._squared_scale

    @property
    def std(self) -> Tensor:
        """Standard deviation of the mixture, (N, ...): the root of epistemic plus aleatoric variance."""
        if self.likelihood.discrete:
            raise AttributeError(
                f"a class has no standard deviation under {self.likelihood!r}; use entropy"
            )
        return (
            sum(self.likelihood.split(self.distribution))
            .mul(self._squared_scale)
            .sqrt()
        )

    @property
    def entropy(self) -> Tensor:
        """Entropy of the averaged class probabilities, (N,), in nats: epistemic plus aleatoric."""
        if not self.likelihood.discrete:
            raise AttributeError(
                f"the mixture under {self.likelihood!r} has no closed entropy; use std"
            )
        return self.likelihood.uncertainty(self.distribution)

    @property
    def uncertainty(self) -> Tensor:
        """Entropy in nats for classification, else standard deviation."""
        return self.entropy if self.likelihood.discrete else self.std

    def log_prob(self, y: Tensor) -> Tensor:
        r"""Log density of the mixture at targets y, in nats per datum: log (1/S) sum_s p(y | draw s).

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
        """Log density of each draw at targets y, in nats, (S, N): what leave-one-out needs."""
        discrete = self.likelihood.discrete
        y = y.to(self.outputs.device)
        y = y if discrete else (y - self.loc) / self.scale
        self.likelihood.check(self.outputs[0], y)
        log_prob = self.distribution.log_prob(
            self.likelihood.encode(y, self.outputs)
        )  # (S, N, ...)
        log_prob = (
            log_prob.flatten(2).sum(-1) if log_prob.dim() > 2 else log_prob
        )  # (S, N)
        if discrete:
            return log_prob
        return log_prob - torch.as_tensor(self.scale).abs().log().expand(
            y.shape[1:]
        ).sum().to(y)

    def first(self, number: int) -> Prediction:
        """Return the prediction at the first of the inputs."""
        return Prediction(
            self.likelihood, self.outputs[:, :number], self.noise, self.loc, self.scale
        )

    def samples(self) -> Tensor:
        """Draw one target per draw and input, (S, N, ...)."""
        drawn = self.distribution.sample()
        return drawn if self.likelihood.discrete else self.loc + self.scale * drawn

    def interval(self, probability: float = 0.9) -> tuple[Tensor, Tensor]:
        """Return the central interval of the mixture, lower and upper ends (N, ...).

        Exact (by bisection of the mixture's distribution function) where the likelihood
        has one on the real line, else from samples.

        Arguments:
            probability: Mass inside the interval.
        """
        if not 0 < probability < 1:
            raise ValueError(
                f"an interval holds a probability between 0 and 1, not {probability}"
            )
        if self.likelihood.discrete:
            raise AttributeError(
                f"classes have no order under {self.likelihood!r}; use probs"
            )
        tails = (0.5 - probability / 2, 0.5 + probability / 2)
        ends = [self.loc + self.scale * self._quantile(tail) for tail in tails]
        return torch.minimum(*ends), torch.maximum(
            *ends
        )  # a negative scale turns them round

    def affine(self, loc: Tensor | float, scale: Tensor | float) -> Prediction:
        """Return the prediction of loc + scale * y, for targets in other units."""
        if self.likelihood.discrete:
            raise ValueError(f"classes have no units under {self.likelihood!r}")
        loc, scale = (torch.as_tensor(value).to(self.outputs) for value in (loc, scale))
        loc, scale = loc + scale * self.loc, scale * self.scale
        return Prediction(self.likelihood, self.outputs, self.noise, loc, scale)

    def _quantile(self, tail: float) -> Tensor:
        distribution = self.distribution
        try:
            exact = distribution.support is constraints.real and bool(
                torch.isfinite(distribution.stddev).all()
            )
            exact = exact and distribution.cdf(distribution.mean) is not None
        except NotImplementedError:
            exact = False
        if not exact:
            each = -(-SAMPLES // len(self.outputs))
            drawn = distribution.sample((each,)).flatten(0, 1).sort(0).values
            return drawn[round(tail * (len(drawn) - 1))]
        reach = (
            distribution.stddev * min(tail, 1 - tail) ** -0.5
        )  # Cantelli's inequality
        low, high = (
            (distribution.mean - reach).amin(0),
            (distribution.mean + reach).amax(0),
        )
        for _ in range(50):
            middle = (low + high) / 2
            below = distribution.cdf(middle).mean(0) < tail
            low, high = (
                torch.where(below, middle, low),
                torch.where(below, high, middle),
            )
        return (low + high) / 2

    @property
    def _squared_scale(self) -> Tensor | float:
        return 1.0 if self.likelihood.discrete else self.scale**2

    def __repr__(self) -> str:
        return (
            f"Prediction at {len(self)} inputs from {len(self.outputs)} draws under {self.likelihood!r}: "
            f"mean {tuple(self.mean.shape)}"
        )

    def _repr_html_(self) -> str:
        return f"<p>{self!r}</p>"
