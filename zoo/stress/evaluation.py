"""Evaluation: what a posterior predicts for each input, and the scores of its predictions."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from zoo import metrics
from zoo.metrics.class_scores import class_scores
from zoo.predictive.evaluate import evaluate_draws
from zoo.predictive.inputs import place_inputs
from zoo.predictive.prediction import Prediction
from zoo.stress.draws import NetworkDraws

_INPUTS_AT_ONCE = 500  # whose predictions by every draw are in memory


@dataclass(frozen=True, repr=False, eq=False)
class Evaluation:
    """What a posterior predicts for N inputs, averaged over its draws; all on the CPU.

    Arguments:
        probs: Class probabilities, (N, O); of label 1 for a Bernoulli, (N, 1).
        entropy: Their entropy in nats, (N,).
        epistemic: Mutual information of class and draw in nats, (N,).
        epistemic_variance: Kwon's epistemic variance, (N,).
        aleatoric_variance: Kwon's aleatoric variance, (N,).

    Example:
        >>> from zoo import stress
        >>> found = stress.fooling(classifier, digits, classes=[3], num_steps=3, num_samples=5,
        ...                        progress=False).evaluation
        >>> found.predicted.shape, found.confidence.shape
        (torch.Size([1]), torch.Size([1]))
    """

    probs: Tensor
    entropy: Tensor
    epistemic: Tensor
    epistemic_variance: Tensor
    aleatoric_variance: Tensor

    @property
    def aleatoric(self) -> Tensor:
        """Expected entropy of one draw in nats, (N,)."""
        return self.entropy - self.epistemic

    @property
    def predicted(self) -> Tensor:
        """The most probable class, (N,)."""
        if self._is_bernoulli:
            prob_of_one = self.probs[:, 0]
            return (prob_of_one > 0.5).long()

        return self.probs.argmax(-1)

    @property
    def confidence(self) -> Tensor:
        """The probability of the most probable class, (N,)."""
        if self._is_bernoulli:
            prob_of_one = self.probs[:, 0]
            return (prob_of_one - 0.5).abs() + 0.5

        return self.probs.amax(-1)

    @cached_property
    def scores(self) -> dict[str, float]:
        """Means over the inputs, by name: entropy, its two parts, and the two variances."""
        return self._mean_uncertainties()

    def _mean_uncertainties(self) -> dict[str, float]:
        return {
            "entropy": _mean(self.entropy),
            "epistemic": _mean(self.epistemic),
            "aleatoric": _mean(self.aleatoric),
            "epistemic variance": _mean(self.epistemic_variance),
            "aleatoric variance": _mean(self.aleatoric_variance),
        }

    @property
    def _is_bernoulli(self) -> bool:
        num_outputs = self.probs.shape[-1]
        return num_outputs == 1


@dataclass(frozen=True, repr=False, eq=False)
class LabelledEvaluation(Evaluation):
    """What a posterior predicts for N inputs whose labels are known.

    Arguments:
        log_prob: Log probability of the label, (N,).
        y: The labels, (N,).

    Example:
        >>> from zoo import stress
        >>> angles = stress.severity(classifier, digits, stress.rotation, (90,), num_samples=5,
        ...                          progress=False)
        >>> upright, turned = [found.scores["accuracy"] for found in angles.evaluations]
        >>> upright > turned
        True
    """

    log_prob: Tensor
    y: Tensor

    @cached_property
    def scores(self) -> dict[str, float]:
        """Accuracy, nll (nats) and ece by name, and the mean uncertainties."""
        scores = class_scores(self.probs, self.log_prob, self.y)
        return scores | self._mean_uncertainties()


def evaluate(draws: NetworkDraws, x: Tensor) -> Evaluation:
    """Predict the classes of inputs with the given draws.

    Arguments:
        draws: The draws over which predictions are averaged.
        x: Inputs as the network takes them, (N, ...).
    """
    predictions = _predictions(draws, x)
    parts = [_average(prediction) for prediction in predictions]

    return Evaluation(**_concatenate(parts))


def evaluate_labelled(draws: NetworkDraws, x: Tensor, y: Tensor) -> LabelledEvaluation:
    """Predict the classes of inputs with the given draws, and compare them with labels.

    Arguments:
        draws: The draws over which predictions are averaged.
        x: Inputs as the network takes them, (N, ...).
        y: Labels, (N,).
    """
    predictions = _predictions(draws, x)
    labels = y.split(_INPUTS_AT_ONCE)

    parts = []
    log_probs = []
    for prediction, part_labels in zip(predictions, labels, strict=True):
        parts.append(_average(prediction))
        log_probs.append(prediction.log_prob(part_labels).cpu())

    return LabelledEvaluation(
        **_concatenate(parts),
        log_prob=torch.cat(log_probs),
        y=y.cpu(),
    )


def _predictions(draws: NetworkDraws, x: Tensor) -> Iterator[Prediction]:
    """Predict for one part of the inputs after the other, so that memory is bounded."""
    model = draws.model
    x = place_inputs(model, x)

    for part in x.split(_INPUTS_AT_ONCE):
        outputs = evaluate_draws(model, draws.values, draws.state, part)
        yield Prediction(model.likelihood, outputs, draws.values)


def _average(prediction: Prediction) -> Evaluation:
    """Average a prediction over its draws."""
    number = len(prediction)
    probs = prediction.functions  # (S, N, O)
    class_probs = probs
    if probs.shape[-1] == 1:
        class_probs = torch.cat([1 - probs, probs], -1)
    variances = metrics.variance_split(class_probs)

    return Evaluation(
        probs=probs.mean(0).cpu(),
        entropy=prediction.entropy.reshape(number).cpu(),
        epistemic=prediction.epistemic.reshape(number).cpu(),
        epistemic_variance=variances.epistemic.cpu(),
        aleatoric_variance=variances.aleatoric.cpu(),
    )


def _concatenate(parts: Sequence[Evaluation]) -> dict[str, Tensor]:
    """Join the fields of the evaluations of several parts of the inputs, by name."""
    fields = {}
    for field in dataclasses.fields(Evaluation):
        column = [getattr(part, field.name) for part in parts]
        fields[field.name] = torch.cat(column)

    return fields


def _mean(values: Tensor) -> float:
    return float(values.mean())
