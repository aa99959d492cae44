"""Average accuracy, backward transfer and forgetting are those of the papers' sums."""

import pytest
import torch

from zoo import metrics

NAN = float("nan")
R = torch.tensor(
    [
        [0.8, NAN, NAN, NAN],
        [0.9, 0.7, NAN, NAN],
        [0.6, 0.75, 0.9, NAN],
        [0.7, 0.5, 0.95, 1.0],
    ]
)


def test_the_numbers_are_those_of_the_sums():
    lost = [0.9 - 0.7, 0.75 - 0.5, 0.9 - 0.95]  # since best, before the last task
    gained = [0.7 - 0.8, 0.5 - 0.7, 0.95 - 0.9]  # since learned
    assert float(metrics.average_accuracy(R)) == pytest.approx((0.7 + 0.5 + 1.95) / 4)
    assert float(metrics.forgetting(R)) == pytest.approx(sum(lost) / 3)
    assert float(metrics.backward_transfer(R)) == pytest.approx(sum(gained) / 3)
    assert float(metrics.forgetting(R)) != pytest.approx(
        -float(metrics.backward_transfer(R))
    )


def test_seeds_come_first():
    both = torch.stack([R, R.tril()])
    for metric in (
        metrics.average_accuracy,
        metrics.backward_transfer,
        metrics.forgetting,
    ):
        assert metric(both).shape == (2,)
        assert metric(both)[1] == metric(R)


def test_tasks_not_yet_learned_do_not_count():
    full = R.nan_to_num(1.0)
    assert metrics.forgetting(full) == metrics.forgetting(R)


def test_a_wrong_matrix_is_refused():
    with pytest.raises(ValueError, match=r"matrix has shape \(4,\); write \(T, T\)"):
        metrics.average_accuracy(R[0])
    with pytest.raises(ValueError, match=r"shape \(1, 1\); .* at least 2 task"):
        metrics.forgetting(R[:1, :1])
    with pytest.raises(ValueError, match=r"NaN\(s\) on or below its diagonal"):
        metrics.backward_transfer(R.T)
