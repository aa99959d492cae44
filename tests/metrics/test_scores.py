"""Errors, likelihoods, accuracies, Brier scores and coverage agree with hand computations."""

import math

import pytest
import torch

from zoo import metrics

PROBS = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.2, 0.5, 0.3]])
LABELS = torch.tensor([0, 1, 1])


def test_rmse_is_in_the_units_of_y():
    mean, y = torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([[1.0], [4.0], [7.0]])
    assert metrics.rmse(mean, y) == pytest.approx(math.sqrt(20 / 3))
    assert metrics.rmse(10 * mean, 10 * y) == pytest.approx(10 * math.sqrt(20 / 3))
    assert metrics.rmse(mean, y) != pytest.approx(20 / 3)  # the root is taken


def test_rmse_refuses_to_broadcast():
    with pytest.raises(
        ValueError, match=r"mean has shape \(3,\), y has shape \(3, 1\)"
    ):
        metrics.rmse(torch.zeros(3), torch.zeros(3, 1))


def test_nll_is_a_mean_in_nats():
    log_prob = torch.distributions.Normal(0.0, 2.0).log_prob(torch.tensor([0.0, 2.0]))
    assert metrics.nll(log_prob) == pytest.approx(
        math.log(2.0 * math.sqrt(2 * math.pi)) + 0.25
    )
    with pytest.raises(ValueError, match=r"shape \(5, 2\); write \(N,\).*logsumexp"):
        metrics.nll(torch.zeros(5, 2))


def test_accuracy_counts_hits():
    assert metrics.accuracy(PROBS, LABELS) == pytest.approx(2 / 3)
    assert metrics.accuracy(torch.tensor([0.2, 0.8, 0.6]), torch.tensor([0, 1, 0])) == (
        pytest.approx(2 / 3)
    )
    # a class that never occurs does not count: the average is over points, not over classes
    assert metrics.accuracy(PROBS[:1], LABELS[:1]) == 1.0


def test_brier_sums_over_classes():
    by_hand = (0.09 + 0.04 + 0.01 + 0.01 + 0.49 + 0.36 + 0.04 + 0.25 + 0.09) / 3
    assert metrics.brier(PROBS, LABELS) == pytest.approx(by_hand)
    assert metrics.brier(torch.eye(2), torch.tensor([1, 0])) == 2.0
    one_column = torch.tensor([[0.3], [0.9]])
    assert metrics.brier(one_column, torch.tensor([1.0, 1.0])) == pytest.approx(
        0.49 + 0.01
    )


def test_brier_is_proper():
    # N = 40000 labels from known probabilities: the truth scores best, by 0.09 against either
    # error; the standard error of the difference is below 0.003, so 0.02 is missed below 1e-9
    random = torch.Generator().manual_seed(0)
    logits = 1.5 * torch.randn(40_000, 4, generator=random)
    y = torch.multinomial(logits.softmax(-1), 1, generator=random).squeeze(-1)
    truth = metrics.brier(logits.softmax(-1), y)
    assert truth < metrics.brier((3.0 * logits).softmax(-1), y) - 0.02
    assert truth < metrics.brier((0.3 * logits).softmax(-1), y) - 0.02


def test_coverage_is_the_share_inside():
    y = torch.tensor([[0.0], [1.0], [2.0], [3.0]])
    assert metrics.coverage(y - 1, y + 1, y) == 1.0
    assert metrics.coverage(y, y, y) == 1.0  # ends belong to the interval
    assert metrics.coverage(torch.zeros(4, 1), torch.full((4, 1), 1.5), y) == 0.5
    with pytest.raises(ValueError, match="lower lies above upper at 4"):
        metrics.coverage(y + 1, y - 1, y)


def test_coverage_of_a_calibrated_normal_is_nominal():
    random = torch.Generator().manual_seed(0)
    y = 2.0 * torch.randn(20_000, 1, generator=random)
    error = 4.5 * math.sqrt(0.95 * 0.05 / 20_000)  # false alarm 7e-6
    half = torch.full_like(y, 1.959964 * 2.0)
    assert abs(metrics.coverage(-half, half, y) - 0.95) < error
    assert (
        abs(metrics.coverage(-2.0 * half, 2.0 * half, y) - 0.95) > error
    )  # variance for scale


@pytest.mark.parametrize(
    "metric", [metrics.accuracy, metrics.brier, metrics.calibration_error]
)
@pytest.mark.parametrize(
    ("probs", "y", "sentence"),
    [
        (PROBS, LABELS[:2], r"probs has shape \(3, 3\), y has shape \(2,\)"),
        (PROBS, LABELS.unsqueeze(-1), r"y has shape \(3, 1\)"),
        (PROBS, torch.tensor([0, 1, 3]), "y holds 3.*from 0 to 2"),
        (PROBS, torch.tensor([0, -1, 1]), "y holds -1"),
        (PROBS, torch.tensor([0.0, 0.5, 1.0]), "y holds 0.5"),
        (PROBS.log(), LABELS, r"outside \[0, 1\].*softmax"),
        (0.5 * PROBS, LABELS, "sums to 0.5 in row"),
        (PROBS.expand(5, 3, 3), LABELS, r"\(5, 3, 3\).*averaged over draws"),
        (PROBS.where(PROBS < 0.7, torch.nan), LABELS, "probs has 1 NaN"),
        (PROBS[:0], LABELS[:0], "and no data"),
        (
            torch.tensor([0.2, 0.8, 0.6]),
            torch.tensor([0, 1, 2]),
            "y holds 2.*from 0 to 1",
        ),
    ],
)
def test_bad_probabilities_and_labels_get_a_sentence(metric, probs, y, sentence):
    with pytest.raises(ValueError, match=sentence):
        metric(probs, y)


def test_arrays_are_asked_to_become_tensors():
    with pytest.raises(TypeError, match=r"y is a list; write torch\.as_tensor"):
        metrics.rmse(torch.zeros(2), [0.0, 0.0])


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64]
)
def test_results_are_scalars_no_coarser_than_float32(dtype):
    probs = PROBS.to(dtype).requires_grad_()
    for metric in (metrics.accuracy, metrics.brier, metrics.calibration_error):
        result = metric(probs, LABELS)
        assert result.shape == ()
        assert result.dtype == torch.promote_types(dtype, torch.float32)
        assert not result.requires_grad
