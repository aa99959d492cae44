"""Predictions for images that are read batch by batch, averaged over the draws of each batch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from zoo.datasets import Dataset
from zoo.experiments.parts.temperature import prediction_of
from zoo.posterior.posterior import Posterior
from zoo.predictive.evaluate import evaluate_draws
from zoo.predictive.prediction import Prediction
from zoo.runtime.modes import evaluation_mode
from zoo.runtime.progress import bar
from zoo.stress.corruptions import COLOURED
from zoo.stress.draws import sample_draws
from zoo.stress.pixels import corrupted, images

Evaluate = Callable[
    [Tensor], Tensor
]  # inputs (B, ...) -> logits of each draw (S, B, O)


def evaluation_of(network: nn.Module, device: torch.device) -> Evaluate:
    """Return the function that evaluates a network in evaluation mode, as one draw."""

    @torch.no_grad()
    def evaluate(x: Tensor) -> Tensor:
        with evaluation_mode(network):
            return network(x.to(device)).unsqueeze(0)

    return evaluate


def evaluation_by(posterior: Posterior, num_samples: int) -> Evaluate:
    """Return the function that evaluates the network with the same draws for all inputs.

    Arguments:
        posterior: The posterior.
        num_samples: Number of draws.
    """
    draws = sample_draws(posterior, num_samples)
    device = draws.model.first_parameter.device

    def evaluate(x: Tensor) -> Tensor:
        return evaluate_draws(draws.model, draws.values, draws.state, x.to(device))

    return evaluate


def predict_batches(
    evaluate: Evaluate, loader: DataLoader, progress: bool = False
) -> Prediction:
    r"""Predict the images of a loader; of the draws only their mean is kept.

    .. math:: \log p(y \mid x) = \log \frac1S \sum_s \text{softmax}(f(x; z_s))_y

    Arguments:
        evaluate: Evaluates a batch.
        loader: Batches of images and classes.
        progress: Whether to show a progress bar.
    """
    parts = []
    with bar(len(loader), "predicting", progress) as steps:
        for x, _ in loader:
            parts.append(_log_mean(evaluate(x)))
            steps.update()

    return prediction_of(torch.cat(parts))


def predict_corrupted(
    evaluate: Evaluate, data: Dataset, severity: int, batch_size: int
) -> Prediction:
    """Predict the test images of a data set under each family, one after the other.

    The constants of the families are those for images of 32 x 32 pixels.

    References:
        Benchmarking Neural Network Robustness to Common Corruptions and Perturbations
        (Hendrycks, Dietterich, 2019)

    Arguments:
        evaluate: Evaluates a batch.
        data: The images, with their units.
        severity: The severity, 1 to 5.
        batch_size: Number of images in a batch.
    """
    batches = _corrupted_batches(data, severity, batch_size)
    return prediction_of(torch.cat([_log_mean(evaluate(x)) for x in batches]))


def _corrupted_batches(
    data: Dataset, severity: int, batch_size: int
) -> Iterator[Tensor]:
    """Give batches of corrupted images, standardised."""
    test = images(data)
    for family in COLOURED:
        pixels = corrupted(test.pixels, family, severity)
        yield from test.standardised(pixels).split(batch_size)


def _log_mean(logits: Tensor) -> Tensor:
    """Return the log of the mean probabilities (B, O) of draws with logits (S, B, O)."""
    log_probs = logits.log_softmax(-1)
    mean = log_probs.logsumexp(0) - math.log(len(logits))

    return mean.cpu()
