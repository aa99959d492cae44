"""Scores of whole images with each pixel as a datum: fidelity, density, coverage, ranking."""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor

from zoo import metrics
from zoo.datasets import Split
from zoo.datasets.luminance import LUMINANCE_UNITS
from zoo.metrics.sparsification import Sparsification
from zoo.predictive.prediction import Prediction

NOMINAL = 0.9  # share of pixels inside their intervals
_DATA_RANGE = 255.0


def fidelity(mean: Tensor, y: Tensor, border: int) -> dict[str, float]:
    """Return signal-to-noise ratio in dB and structural similarity of an image.

    Arguments:
        mean: The predicted image (1, 1, H, W), standardised.
        y: The true one.
        border: Pixels at each side that are left out.
    """
    predicted = LUMINANCE_UNITS.restore(mean)
    true = LUMINANCE_UNITS.restore(y)
    options = {"data_range": _DATA_RANGE, "border": border}

    return {
        "psnr": float(metrics.psnr(predicted, true, **options)),
        "ssim": float(metrics.ssim(predicted, true, **options)),
    }


def score_image(
    prediction: Prediction, image: Split, border: int
) -> tuple[dict[str, float], Sparsification]:
    """Return the scores of one image, and its sparsification curve.

    The log density is that of the mixture over draws at each pixel, and not of the image as
    a whole. A pixel is inside its central interval of mass p if the mixture has less than it
    with a probability between (1 - p) / 2 and (1 + p) / 2, so the ends need not be found.

    Arguments:
        prediction: The prediction of the standardised image, outputs (S, 1, ..., H, W).
        image: The image.
        border: Pixels at each side that are left out.
    """
    distribution = prediction.distribution  # (S, 1, 1, H, W)
    scale = float(LUMINANCE_UNITS.scale)
    num_draws = len(prediction.outputs)

    each = distribution.log_prob(image.y)
    log_prob = each.logsumexp(0) - math.log(num_draws * scale)
    below = distribution.cdf(image.y).mean(0)
    tail = (1 - NOMINAL) / 2
    is_inside = (below >= tail) & (below <= 1 - tail)

    error = scale * (prediction.mean - image.y)
    variance = scale**2 * prediction.std.square()
    epistemic = scale**2 * prediction.epistemic
    inner = partial(_inner, border=border)
    curve = metrics.sparsification(inner(error), inner(variance))

    return fidelity(prediction.mean, image.y, border) | {
        "nll": -float(inner(log_prob).double().mean()),
        "coverage %": 100 * float(inner(is_inside).double().mean()),
        "sd": float(inner(variance).mean().sqrt()),
        "epistemic sd": float(inner(epistemic).mean().sqrt()),
        "ause": float(curve.area),
    }, curve


def _inner(images: Tensor, border: int) -> Tensor:
    """Return images (..., H, W) without their borders."""
    height, width = images.shape[-2:]
    return images[..., border : height - border, border : width - border]


def mean_curve(curves: list[Sparsification]) -> dict[str, Tensor]:
    """Return the mean of sparsification curves over images, by name of the curve."""
    errors = torch.stack([curve.error for curve in curves])
    oracles = torch.stack([curve.oracle for curve in curves])

    return {
        "fractions": curves[0].fractions,
        "error": errors.mean(0),
        "oracle": oracles.mean(0),
    }
