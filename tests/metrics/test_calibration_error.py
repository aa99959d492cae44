"""The calibration error and the reliability diagram say what Guo et al. define, edges included."""

import pytest
import torch

from zoo import metrics
from zoo.runtime.torchvision_shim import load_torchmetrics


def synthetic(power=1.0, num_data=20_000, num_classes=5, seed=0):
    """Labels drawn from known probabilities, and these sharpened by a power; 1 is calibrated."""
    random = torch.Generator().manual_seed(seed)
    logits = 1.5 * torch.randn(
        num_data, num_classes, generator=random, dtype=torch.float64
    )
    y = torch.multinomial(logits.softmax(-1), 1, generator=random).squeeze(-1)
    return (power * logits).softmax(-1), y


def test_a_calibrated_classifier_is_told_from_an_overconfident_one():
    # A calibrated classifier's expected error is at most 0.4 sqrt(15 / 20000) = 0.011; changing
    # one label moves the error by at most 1 / N, so by McDiarmid it exceeds its mean by 0.017 with
    # probability below exp(-2 * 20000 * 0.017^2) = 1e-5.
    assert metrics.calibration_error(*synthetic()) < 0.028
    assert metrics.calibration_error(*synthetic(power=2.0)) > 0.1
    assert metrics.calibration_error(*synthetic(power=0.5)) > 0.1


def test_a_hand_computation():
    probs = torch.tensor([[0.9, 0.1], [0.85, 0.15], [0.3, 0.7], [0.45, 0.55]])
    y = torch.tensor([0, 1, 1, 0])
    # bins of 0.25: (0.5, 0.75] holds 0.7 right and 0.55 wrong, (0.75, 1] 0.9 right and 0.85 wrong
    expected = 0.5 * abs(0.5 - 0.625) + 0.5 * abs(0.5 - 0.875)
    assert metrics.calibration_error(probs, y, bins=4) == pytest.approx(expected)
    diagram = metrics.reliability(probs, y, bins=4)
    assert diagram.count.tolist() == [0, 0, 2, 2]
    assert diagram.accuracy[2:].tolist() == [0.5, 0.5]
    assert diagram.confidence[2:].tolist() == pytest.approx([0.625, 0.875])
    assert diagram.confidence[:2].isnan().all()
    assert diagram.accuracy[:2].isnan().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_edges_belong_to_the_bin_below(dtype):
    tops = torch.tensor([0.6, 0.8, 1.0], dtype=dtype)
    probs = torch.stack([tops, 1 - tops], -1)
    diagram = metrics.reliability(probs, torch.zeros(3, dtype=torch.int64), bins=5)
    assert diagram.count.tolist() == [0, 0, 1, 1, 1]


def test_certainty_shares_the_last_bin_which_torchmetrics_does_not():
    probs = torch.tensor([[1.0, 0.0]] * 5 + [[0.95, 0.05]] * 5)
    y = torch.tensor([0, 0, 0, 0, 1] + [0] * 5)  # 0.2 too sure and 0.05 too doubtful
    assert metrics.calibration_error(probs, y) == pytest.approx(0.075)
    load_torchmetrics()
    from torchmetrics.functional.classification import multiclass_calibration_error

    split = multiclass_calibration_error(probs, y, num_classes=2, n_bins=15)
    assert split == pytest.approx(0.125)  # the reason for bins of our own


@pytest.mark.parametrize("bins", [1, 10, 15])
def test_away_from_the_edges_torchmetrics_agrees(bins):
    load_torchmetrics()
    from torchmetrics.functional.classification import multiclass_calibration_error

    probs, y = synthetic(power=1.5, num_data=2_000)
    theirs = multiclass_calibration_error(probs, y, num_classes=5, n_bins=bins)
    assert metrics.calibration_error(probs, y, bins) == pytest.approx(
        float(theirs), abs=1e-6
    )


def test_rounding_above_one_is_no_logit():
    probs = torch.tensor([[1.0 + 2e-7, 0.0], [0.8, 0.2]])
    y = torch.tensor([0, 0])
    assert metrics.calibration_error(probs, y, bins=10) == pytest.approx(0.1)


def test_a_bernoulli_is_two_classes():
    probs, y = synthetic(num_classes=2, num_data=500)
    both = metrics.calibration_error(probs, y)
    assert metrics.calibration_error(probs[:, 1], y) == pytest.approx(float(both))
    column = metrics.calibration_error(probs[:, 1:], y.double().unsqueeze(-1))
    assert column == pytest.approx(float(both))


def test_the_error_is_the_diagram_summed_up():
    probs, y = synthetic(power=2.0, num_data=300)
    confidence, accuracy, count = metrics.reliability(probs, y)
    used = count > 0
    total = (count * (accuracy - confidence).abs())[used].sum() / 300
    assert metrics.calibration_error(probs, y) == pytest.approx(float(total))


@pytest.mark.parametrize("bins", [0, -3, 2.5, True])
def test_bins_are_a_positive_integer(bins):
    with pytest.raises(ValueError, match="bins is"):
        metrics.calibration_error(*synthetic(num_data=10), bins)
