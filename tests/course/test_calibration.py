"""Is what it says calibrated? Mistakes are named."""

import math

import pytest
import torch
from course.answers import answers_of, said_of

from zoo import metrics
from zoo.course import calibration

ANSWERS = answers_of("09_calibration")


def test_the_error_is_that_of_the_package():
    probs = torch.randn(200, 5, generator=torch.manual_seed(0)).softmax(-1)
    y = torch.arange(200) % 5
    own = ANSWERS.ece(*metrics.reliability(probs, y))
    assert float(own) == pytest.approx(float(metrics.calibration_error(probs, y)))


def test_the_bias_is_that_of_the_calibration_error():
    generator = torch.Generator().manual_seed(0)
    probs = torch.tensor([0.2, 0.8]).expand(100, 2)
    found = []
    for _ in range(1000):
        y = (torch.rand(100, generator=generator) < 0.8).long()
        found.append(float(metrics.calibration_error(probs, y)))

    mean = sum(found) / len(found)
    error = 0.04 * math.sqrt(1 - 2 / math.pi) / math.sqrt(1000)
    assert (
        abs(mean - ANSWERS.bias) < 4 * error + 0.001
    )  # 0.001: counts are whole numbers
    assert (
        abs(mean - 0.04) > 4 * error + 0.001
    )  # the standard deviation is not the mean


@pytest.mark.parametrize(
    ("name", "wrong", "sentence"),
    [
        ("ece", ..., "no answer yet"),
        ("ece", lambda c, a, n: (a - c).abs().nanmean(), "their number of data"),
        ("ece", lambda c, a, n: (n * (a - c).abs()).sum() / n.sum(), "an empty bin"),
        ("ece", lambda c, a, n: (n * (a - c)).nansum() / n.sum(), "absolute value"),
        ("ece", lambda c, a, n: (a - c).abs(), "one number"),
        ("bias", 0, "not exactly 0.8"),
        ("bias", 0.04, "the mean of |z|"),
        ("bias", 0.32, "for one input"),
        ("temperature", 0.366, "not multiplied"),
        ("temperature", math.log(3), "the logit of 3/4"),
        ("cold", 0.75, "multiplies the variance"),
        ("cold", 6, "narrower"),
    ],
)
def test_a_mistake_is_named(name, wrong, sentence, capsys):
    assert sentence in said_of(getattr(calibration, name), wrong, capsys)
