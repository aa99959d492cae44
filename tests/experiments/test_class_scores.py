"""Scores by class, and whether uncertainty marks the tail, against closed forms and scipy."""

import pytest
import torch
from scipy.stats import spearmanr

from zoo.experiments.parts.class_scores import ClassPrediction, Task

COUNTS = torch.tensor([100, 40, 40, 9, 2])
LABELS = torch.arange(5).repeat_interleave(torch.tensor([50, 10, 20, 10, 4]))
TASK = Task(COUNTS, LABELS)
RANDOM = torch.Generator().manual_seed(0)
PROBS = (3 * torch.randn(len(LABELS), 5, generator=RANDOM)).softmax(-1)
UNCERTAINTY = torch.rand(len(LABELS), generator=RANDOM)
FOUND = ClassPrediction(TASK, PROBS, UNCERTAINTY)


def test_the_tail_are_classes_with_less_than_a_tenth_of_the_largest():
    assert TASK.is_tail.tolist() == [False, False, False, True, True]
    assert TASK.in_tail.sum() == 14
    assert Task(torch.tensor([2, 9, 5]), LABELS).order.tolist() == [1, 2, 0]


def test_every_class_counts_the_same_in_a_balanced_score():
    error = FOUND.error
    by_hand = [error[label == LABELS].mean() for label in range(5)]
    found = TASK.balanced(error)
    assert found.value == pytest.approx(torch.stack(by_hand).mean().item())
    assert found.value != pytest.approx(error.mean().item(), abs=0.1)
    constant = TASK.balanced(torch.ones(len(LABELS)))
    assert (constant.value, constant.error) == (1.0, 0.0)


def test_separation_is_the_probability_that_a_datum_of_the_tail_is_more_uncertain():
    tail, others = UNCERTAINTY[TASK.in_tail], UNCERTAINTY[~TASK.in_tail]
    expected = (tail.unsqueeze(-1) > others).double().mean().item()
    found = TASK.separation(UNCERTAINTY)
    assert found.value == pytest.approx(expected, abs=1e-6)
    # Hanley and McNeil's error of an area of one half, for 14 data against 80
    assert found.error == pytest.approx((95 / (12 * 14 * 80)) ** 0.5, rel=0.3)


def test_the_correlation_is_that_of_ranks():
    means = [UNCERTAINTY[label == LABELS].mean().item() for label in range(5)]
    expected = spearmanr(means, COUNTS).statistic  # with ties
    assert TASK.correlation(UNCERTAINTY).value == pytest.approx(expected)
    falling = TASK.correlation(LABELS.double() / 10)
    assert falling.value == pytest.approx(spearmanr(range(5), COUNTS).statistic)


def test_the_most_uncertain_data_are_referred_and_the_others_scored():
    referred = FOUND.referred(0.1, UNCERTAINTY)
    assert referred.sum() == 9
    assert UNCERTAINTY[referred].min() >= UNCERTAINTY[~referred].max()

    perfect = torch.nn.functional.one_hot(LABELS, 5).double()
    is_wrong = torch.arange(len(LABELS)) % 10 == 0
    perfect[is_wrong] = perfect[is_wrong].roll(1, -1)
    found = ClassPrediction(TASK, perfect, is_wrong.double())
    assert found.error_of_kept(found.referred(0.11, found.epistemic)).value == 0
    assert found.error_of_kept(found.referred(0.0, found.epistemic)).value > 0


def test_the_rows_go_from_the_largest_class_to_the_smallest():
    rows = FOUND.rows(0.1)
    assert [row["class"] for row in rows] == [0, 1, 2, 3, 4]
    assert [row["training data"] for row in rows] == COUNTS.tolist()
    assert rows[0]["nll"] == pytest.approx(-PROBS[:50, 0].log().mean().item(), abs=1e-5)
    assert 0 <= rows[4]["ece"] <= 1
