"""Predictions with dropout of single elements: a mask for every element of a layer's input."""

from __future__ import annotations

import torch

from zoo.posterior import AveragedClasses
from zoo.posterior.average_classes import entropy
from zoo.posterior.guide_posterior import GuidePosterior
from zoo.predictive.prediction import Prediction
from zoo.runtime.half_precision import products_in
from zoo.runtime.modes import evaluation_mode

_BATCH_SIZE = 2_000
_FEW = 8  # inputs whose elements have a class each


def predict_by_elements(
    posterior: GuidePosterior, x: torch.Tensor, num_samples: int
) -> Prediction:
    """Predict with masks as in a step of the fit, in which each input has its own.

    `Posterior.predict` draws functions, and a function drops a channel or keeps it. The
    guide's own draws are of each layer's outputs. Products are in half precision.

    References:
        Bayesian Convolutional Neural Networks with Bernoulli Approximate Variational Inference
        (Gal, Ghahramani, 2016)

    Arguments:
        posterior: A fit of `guides.MCDropout` with masks of elements.
        x: Inputs (N, ...).
        num_samples: Number of draws S.
    """
    model = posterior.model
    x = x.to(model.first_parameter.device)

    draws = []
    with torch.no_grad(), posterior.scoped.scope(), products_in("bf16"):
        for _ in range(num_samples):
            outputs = []
            for batch in x.split(_BATCH_SIZE):
                values = {**posterior.state, **posterior.guide()}
                outputs.append(model.output(values, batch))
            draws.append(torch.cat(outputs))

    return Prediction(model.likelihood, torch.stack(draws))


def average_by_elements(
    posterior: GuidePosterior, x: torch.Tensor, num_samples: int
) -> AveragedClasses:
    """Average classes over masks of single elements, as `zoo.posterior.average_classes` does.

    Normalisations use their running statistics, and products are in single precision: in
    half precision neighbours have equal values, and maxima have no place.

    Arguments:
        posterior: A fit of `guides.MCDropout` with masks of elements.
        x: Inputs (N, ...).
        num_samples: Number of draws S.
    """
    model = posterior.model
    likelihood = model.likelihood

    parts = []
    with (
        torch.no_grad(),
        evaluation_mode(model.network),
        posterior.scoped.scope(),
    ):
        for batch in x.to(model.first_parameter.device).split(_FEW):
            probs, aleatoric = 0.0, 0.0
            for _ in range(num_samples):
                values = {**posterior.state, **posterior.guide()}
                outputs = likelihood.arranged(model.output(values, batch))
                of_draw = likelihood.functions(outputs, {})
                probs = probs + of_draw / num_samples
                aleatoric = aleatoric + entropy(of_draw) / num_samples

            parts.append((probs.cpu(), entropy(probs).cpu(), aleatoric.cpu()))

    return AveragedClasses(*map(torch.cat, zip(*parts, strict=True)))
