"""Evaluation: what a posterior says of each input, and the scores of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat

import torch
from torch import Tensor

from zoo import metrics
from zoo.metrics.class_scores import class_scores
from zoo.posterior.posterior import Posterior
from zoo.predictive.evaluate import evaluate_draws
from zoo.predictive.inputs import place_inputs
from zoo.predictive.prediction import Prediction

TOGETHER = 500  # inputs whose draws are held at once
Draws = Mapping[str, Tensor]


@dataclass(frozen=True, repr=False, eq=False)
class Evaluation:
    """What a posterior says of N inputs, on the CPU, averaged over its draws.

    Arguments:
        probs: Class probabilities, (N, O); of label 1 for a Bernoulli, (N, 1).
        entropy: Their entropy in nats, (N,).
        epistemic: Mutual information of class and draw in nats, (N,).
        epistemic_variance: Kwon's epistemic variance, (N,).
        aleatoric_variance: Kwon's aleatoric variance, (N,).
        log_prob: Log probability of the label, (N,); None where there are no labels.
        y: The labels.
    """

    probs: Tensor
    entropy: Tensor
    epistemic: Tensor
    epistemic_variance: Tensor
    aleatoric_variance: Tensor
    log_prob: Tensor | None = None
    y: Tensor | None = None

    @property
    def aleatoric(self) -> Tensor:
        """Expected entropy of one draw in nats, (N,)."""
        return self.entropy - self.epistemic

    @property
    def predicted(self) -> Tensor:
        """The most probable class, (N,)."""
        return (
            self.probs.argmax(-1)
            if self.probs.shape[-1] > 1
            else (self.probs[:, 0] > 0.5).long()
        )

    @property
    def confidence(self) -> Tensor:
        """The probability of the most probable class, (N,)."""
        return (
            self.probs.amax(-1)
            if self.probs.shape[-1] > 1
            else (self.probs[:, 0] - 0.5).abs() + 0.5
        )

    @cached_property
    def scores(self) -> dict[str, float]:
        """Means over the inputs, and accuracy, negative log likelihood and calibration error where there are labels."""
        known = (
            {} if self.y is None else class_scores(self.probs, self.log_prob, self.y)
        )
        uncertain = (
            "entropy",
            "epistemic",
            "aleatoric",
            "epistemic_variance",
            "aleatoric_variance",
        )
        return known | {
            name.replace("_", " "): float(getattr(self, name).mean())
            for name in uncertain
        }


def evaluated(
    posterior: Posterior, draws: Draws, x: Tensor, y: Tensor | None = None
) -> Evaluation:
    """Predict classes at inputs with the given draws, some of the inputs at a time.

    Arguments:
        posterior: The posterior that the draws are of.
        draws: Values (S, *shape) by site.
        x: Inputs as the network takes them, (N, ...).
        y: Labels, (N,).
    """
    model = posterior.model
    x = place_inputs(model, x)
    labels = repeat(None) if y is None else y.split(TOGETHER)
    parts = [
        part_of(
            Prediction(
                model.likelihood,
                evaluate_draws(model, draws, posterior.state, part),
                draws,
            ),
            own,
        )
        for part, own in zip(x.split(TOGETHER), labels, strict=False)
    ]
    fields = [
        torch.cat(column) if column[0] is not None else None
        for column in zip(*parts, strict=True)
    ]
    return Evaluation(*fields, y=None if y is None else y.cpu())


def part_of(prediction: Prediction, y: Tensor | None) -> list[Tensor | None]:
    """Return what an evaluation holds, for some of the inputs."""
    functions = prediction.functions  # (S, N, O)
    both = (
        functions
        if functions.shape[-1] > 1
        else torch.cat([1 - functions, functions], -1)
    )
    variances = metrics.variance_split(both)
    nats = [
        value.reshape(len(prediction))
        for value in (prediction.entropy, prediction.epistemic)
    ]
    log_prob = None if y is None else prediction.log_prob(y)
    found = [functions.mean(0), *nats, *variances, log_prob]
    return [None if value is None else value.cpu() for value in found]


def sampled(posterior: Posterior, num_samples: int) -> Draws:
    """Return draws to judge by, on the model's device: as many as asked for, of a sampler at most what it holds.

    Raises:
        ValueError: A posterior of no network, without weights, or of a likelihood
            without classes.
    """
    model = posterior.require_weights(
        "corrupted inputs are evaluated by draws of a network's weights"
    )
    if not model.likelihood.discrete:
        raise ValueError(
            f"stress is about classes, and {model.likelihood!r} has none; use likelihoods.Categorical() or Bernoulli()"
        )
    if num_samples < 1:
        raise ValueError(
            f"num_samples is a number of draws, at least 1, not {num_samples}"
        )
    draws = posterior.sample(posterior.num_available(num_samples))
    return {
        name: value.to(model.first_parameter.device) for name, value in draws.items()
    }


def two_sets(posterior: Posterior, num_samples: int) -> tuple[Draws, Draws]:
    """Return two sets of draws that share none: one to attack, and a fresh one to judge by.

    A sampler's draws are dealt out in turn; where it holds a single one, both sets are
    that one.
    """
    if posterior.num_samples is None:
        return sampled(posterior, num_samples), sampled(posterior, num_samples)
    both = sampled(posterior, 2 * num_samples)
    size = len(next(iter(both.values())))
    return tuple(
        {name: value[start::2] for name, value in both.items()}
        for start in (0, min(1, size - 1))
    )
