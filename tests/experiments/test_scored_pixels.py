"""Scores with each pixel as a datum: the mixture's density, coverage by its distribution."""

import math

import pyro.distributions as dist
import pytest
import torch

from zoo import likelihoods, metrics
from zoo.datasets import Split
from zoo.datasets.luminance import LUMINANCE_UNITS
from zoo.experiments.parts.scored_pixels import score_image
from zoo.predictive.prediction import Prediction

SCALE = float(LUMINANCE_UNITS.scale)


def of_draws(noise, num_draws=3, size=20):
    """Make a prediction whose draws differ in their mean and in their noise."""
    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn(num_draws, 1, 1, size, size, generator=generator)
    scales = torch.rand(num_draws, generator=generator) + 0.1
    y = outputs[0] + torch.randn(1, 1, size, size, generator=generator)
    prediction = Prediction(noise, outputs, {"likelihood:scale": scales})
    return prediction, Split(torch.zeros(1, 1, size // 2, size // 2), y)


@pytest.mark.parametrize(
    "noise",
    [
        likelihoods.Gaussian(dist.HalfNormal(1.0)),
        likelihoods.LaplaceNoise(dist.HalfNormal(1.0)),
    ],
    ids=["Gaussian", "Laplace"],
)
def test_scores_are_of_the_mixture_at_each_pixel(noise):
    prediction, image = of_draws(noise)
    scores, curve = score_image(prediction, image, border=2)

    inner = slice(2, -2)
    y = image.y[..., inner, inner]
    each = prediction.distribution.log_prob(image.y)[..., inner, inner]
    mixture = each.logsumexp(0) - math.log(3) - math.log(SCALE)
    assert scores["nll"] == pytest.approx(-float(mixture.mean()), rel=1e-4)
    of_the_mean_draw = -float(each.mean()) + math.log(SCALE)
    assert scores["nll"] < of_the_mean_draw - 0.05

    lower, upper = prediction.interval(0.9)
    covered = metrics.coverage(lower[..., inner, inner], upper[..., inner, inner], y)
    assert scores["coverage %"] == pytest.approx(100 * float(covered), abs=1e-3)

    mean = prediction.mean[..., inner, inner]
    error = SCALE * (mean - y)
    ratio = 20 * math.log10(255) - 10 * math.log10(float(error.square().mean()))
    assert scores["psnr"] == pytest.approx(ratio, abs=1e-3)
    std = prediction.std[..., inner, inner]
    assert scores["ause"] == pytest.approx(
        float(metrics.sparsification(error, std).area), abs=1e-4
    )
    assert curve.area == scores["ause"]
    epistemic = float(prediction.epistemic[..., inner, inner].mean().sqrt())
    assert scores["epistemic sd"] == pytest.approx(SCALE * epistemic, rel=1e-4)


def test_a_noise_scale_of_each_pixel_ranks_its_errors():
    torch.manual_seed(0)
    scales = torch.rand(1, 1, 100, 100) + 0.05
    raw = scales.expm1().log()  # of softplus
    outputs = torch.cat([torch.zeros_like(raw), raw], 1).unsqueeze(0)
    y = scales * torch.randn(1, 1, 100, 100)
    noise = likelihoods.HeteroscedasticGaussian(min_scale=1e-6, dim=-3)
    scores, _ = score_image(Prediction(noise, outputs), Split(y, y), border=0)
    assert scores["coverage %"] == pytest.approx(90, abs=4 * 0.3)
    at_random, _ = score_image(
        Prediction(likelihoods.Gaussian(0.6), outputs[:, :, :1]), Split(y, y), border=0
    )
    assert scores["ause"] < 0.7 * at_random["ause"]
    assert scores["nll"] < at_random["nll"] - 0.1


def test_a_point_ranks_at_random_and_covers_by_its_noise():
    torch.manual_seed(0)
    outputs = torch.zeros(1, 1, 1, 100, 100)
    y = 0.5 * torch.randn(1, 1, 100, 100)
    prediction = Prediction(likelihoods.Gaussian(0.5), outputs)
    scores, curve = score_image(prediction, Split(y, y), border=0)
    assert scores["coverage %"] == pytest.approx(90, abs=4 * 0.3)  # four errors
    torch.testing.assert_close(curve.error, torch.ones(50))
    assert scores["epistemic sd"] == 0
    assert scores["sd"] == pytest.approx(0.5 * SCALE)
