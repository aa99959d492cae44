"""The temperature is the one by which logits were too large, to a few of its standard errors."""

import math

import pytest
import torch

from zoo import metrics


def synthetic(temperature, num_data=4_000, seed=0):
    """Logits `temperature` times too large for the labels."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2.0 * torch.randn(num_data, 5, generator=generator)
    y = torch.multinomial(logits.softmax(-1), 1, generator=generator).squeeze(-1)
    return temperature * logits, y


def standard_error(logits, temperature):
    """Of log T: 1 / sqrt(Fisher information), for 1 / T the sum of variances of the logits."""
    probs = (logits / temperature).softmax(-1)
    variance = (probs * logits.square()).sum(-1) - (probs * logits).sum(-1).square()
    return temperature / math.sqrt(float(variance.sum()))


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_it_finds_what_the_logits_were_multiplied_by(temperature):
    logits, y = synthetic(temperature)
    found = float(metrics.temperature_scaling(logits, y))
    error = standard_error(
        logits, temperature
    )  # of log T: 4.5 of them are one false alarm in 100,000
    assert abs(math.log(found / temperature)) < 4.5 * error
    assert (
        abs(math.log(found * temperature)) > 4.5 * error or temperature == 1.0
    )  # 1 / T, the common slip


def test_no_other_temperature_has_a_better_likelihood():
    logits, y = synthetic(3.0, num_data=300)
    best = metrics.temperature_scaling(logits, y)
    nll = {
        t: torch.nn.functional.cross_entropy(logits / (t * best), y).item()
        for t in (0.98, 1.0, 1.02)
    }
    assert nll[1.0] < min(nll[0.98], nll[1.02])


def test_scaled_predictions_are_calibrated_and_their_error_is_the_same():
    logits, y = synthetic(3.0)
    scaled = (logits / metrics.temperature_scaling(logits, y)).softmax(-1)
    before = logits.softmax(-1)
    assert (
        metrics.calibration_error(scaled, y)
        < 0.04
        < 0.1
        < metrics.calibration_error(before, y)
    )
    assert torch.equal(scaled.argmax(-1), before.argmax(-1))


def test_constants_added_to_logits_and_large_ones_change_nothing():
    logits, y = synthetic(2.0, num_data=200)
    expected = float(metrics.temperature_scaling(logits, y))
    assert float(metrics.temperature_scaling(logits + 500.0, y)) == pytest.approx(
        expected, rel=1e-4
    )
    assert float(
        metrics.temperature_scaling(100 * logits.double(), y)
    ) == pytest.approx(100 * expected, rel=1e-4)


@pytest.mark.parametrize(
    ("logits", "y", "sentence"),
    [
        (torch.eye(3), torch.arange(3), "each of the 3 labels has the greatest logit"),
        (-torch.eye(3), torch.arange(3), "no better than chance"),
        (
            torch.zeros(2, 3, 4),
            torch.zeros(3),
            r"logits has shape \(2, 3, 4\); write \(N, O\)",
        ),
        (torch.full((3, 3), -torch.inf), torch.arange(3), "infinite"),
        (torch.eye(3), torch.tensor([0, 1, 3]), "not a class index"),
        (torch.eye(3), torch.arange(2), "one class index for each row"),
    ],
    ids=["all right", "all wrong", "draws", "infinite", "label", "length"],
)
def test_what_has_no_temperature_gets_a_sentence(logits, y, sentence):
    with pytest.raises(ValueError, match=sentence):
        metrics.temperature_scaling(logits, y)
