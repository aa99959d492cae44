"""Scores of whole images with each pixel as a datum: fidelity, density, coverage, ranking."""

from __future__ import annotations

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


def by_pixel(prediction: Prediction, border: int) -> Prediction:
    """Return the prediction of the pixels of one image as data of their own, (S, H' W', 1).

    Its log density is that of the mixture at each pixel, and not of the image as a whole,
    and in grey values from 16 to 235.

    Arguments:
        prediction: The prediction of one standardised image, outputs (S, 1, 1, H, W).
        border: Pixels at each side that are left out.
    """
    outputs = _inner(prediction.outputs, border).flatten(1).unsqueeze(-1)
    pixels = Prediction(prediction.likelihood, outputs, prediction.noise)
    loc, scale = (value.flatten() for value in LUMINANCE_UNITS)

    return pixels.affine(loc, scale)


def pixel_targets(y: Tensor, border: int) -> Tensor:
    """Return the grey values (H' W', 1) of one standardised image (1, 1, H, W)."""
    true = LUMINANCE_UNITS.restore(y)
    return _inner(true, border).reshape(-1, 1)


def score_image(
    prediction: Prediction, image: Split, border: int
) -> tuple[dict[str, float], Sparsification]:
    """Return the scores of one image, and its sparsification curve.

    Arguments:
        prediction: The prediction of the image.
        image: The image, standardised.
        border: Pixels at each side that are left out.
    """
    scores = fidelity(prediction.mean, image.y, border)
    pixels = by_pixel(prediction, border)
    y = pixel_targets(image.y, border)

    below = probability_below(pixels, y)
    tail = (1 - NOMINAL) / 2
    is_inside = (below >= tail) & (below <= 1 - tail)
    std = pixels.std
    curve = metrics.sparsification(pixels.mean - y, std)

    return scores | {
        "nll": float(metrics.nll(pixels.log_prob(y))),
        "coverage %": 100 * float(is_inside.double().mean()),
        "sd": float(std.square().mean().sqrt()),
        "epistemic sd": float(pixels.epistemic.mean().sqrt()),
        "ause": float(curve.area),
    }, curve


def probability_below(pixels: Prediction, y: Tensor) -> Tensor:
    """Return the probability under the mixture of less than y, (N, 1).

    y is inside the central interval of mass p if it is between (1 - p) / 2 and (1 + p) / 2.
    So the ends of intervals need not be found.

    Arguments:
        pixels: The prediction of N pixels.
        y: Grey values (N, 1).
    """
    loc, scale = pixels.loc, pixels.scale
    standardised = (y - loc) / scale

    return pixels.distribution.cdf(standardised).mean(0)


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
