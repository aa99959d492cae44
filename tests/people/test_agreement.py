"""Distances of predictions from people's answers, against sums by hand and known answers."""

import math
import re

import pytest
import torch

from zoo import people

PROBS = torch.tensor([[0.7, 0.2, 0.1], [0.2, 0.3, 0.5]])
COUNTS = torch.tensor([[6, 4, 0], [0, 0, 9]])


def test_the_distances_are_those_of_their_sums():
    found = people.cross_entropy(PROBS, COUNTS)
    expected = [-0.6 * math.log(0.7) - 0.4 * math.log(0.2), -math.log(0.5)]
    assert found.tolist() == pytest.approx(expected, abs=1e-6)
    assert people.total_variation(PROBS, COUNTS).tolist() == pytest.approx([0.2, 0.5])
    entropy = people.disagreement(COUNTS)
    expected = -0.6 * math.log(0.6) - 0.4 * math.log(0.4)
    assert entropy.tolist() == pytest.approx([expected, 0.0], abs=1e-6)


def test_nothing_predicts_people_better_than_their_shares():
    counts = torch.randint(1, 30, (50, 5), generator=torch.Generator().manual_seed(0))
    shares = counts / counts.sum(-1, keepdim=True)
    entropy = people.disagreement(counts)
    torch.testing.assert_close(people.cross_entropy(shares, counts), entropy)
    other = (shares + 0.1 * torch.rand_like(shares)).log().log_softmax(-1).exp()
    assert (people.cross_entropy(other, counts) >= entropy).all()
    assert people.total_variation(shares, counts).max() < 1e-6


def test_a_class_without_probability_that_a_person_names_costs_all():
    certain = torch.tensor([[1.0, 0.0]])
    assert people.cross_entropy(certain, torch.tensor([[5, 0]])) == 0
    assert people.cross_entropy(certain, torch.tensor([[5, 1]])) == torch.inf


def test_halves_are_disjoint_and_as_large_as_each_other():
    counts = torch.tensor([[3, 0, 4], [0, 1, 1], [50, 1, 0]])
    one, other = people.halves(counts)
    assert torch.equal(one.sum(-1), torch.tensor([3, 1, 25]))
    assert torch.equal(other.sum(-1), one.sum(-1))
    assert (one + other <= counts).all()
    assert not torch.equal(people.halves(counts, seed=1).one, one)


def test_halves_are_hypergeometric():
    counts = torch.tensor([[20, 30]]).expand(20_000, 2)
    one, other = people.halves(counts)
    found = one[:, 0].double()
    mean, variance = 25 * 0.4, 25 * 0.4 * 0.6 * 25 / 49  # without replacement
    error = math.sqrt(variance / 20_000)
    assert abs(found.mean() - mean) < 5 * error
    assert abs(found.var() - variance) < 5 * variance * math.sqrt(2 / 20_000)
    with_replacement = 25 * 0.4 * 0.6
    assert abs(found.var() - with_replacement) > 20 * variance * math.sqrt(2 / 20_000)
    assert torch.equal(one + other, counts)


def test_people_who_answer_are_drawn_from_the_counts():
    counts = torch.tensor([[20, 30]]).expand(20_000, 2)
    found = people.answers(counts).double().mean()
    assert abs(found - 0.6) < 5 * math.sqrt(0.24 / 20_000)
    wrong = people.mistakes(counts[:2], torch.tensor([0, 1]))
    assert wrong.tolist() == pytest.approx([0.6, 0.4])


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        (torch.tensor([[0.5, 0.5, 0.0]] * 2), "whole numbers of people; write counts"),
        (torch.tensor([[1, 2, 0], [0, 0, 0]]), "counts of row 1 are of no person"),
        (torch.tensor([[1, -2, 3]] * 2), "counts must be whole numbers of people"),
        (
            torch.tensor([[1, 2]] * 2),
            "probs has shape (2, 3) and counts (2, 2); write (N, O)",
        ),
    ],
)
def test_other_counts_get_a_sentence(counts, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        people.cross_entropy(PROBS, counts)


def test_shapes_that_do_not_fit_get_a_sentence():
    with pytest.raises(ValueError, match=r"not of shape \(3,\)"):
        people.disagreement(torch.tensor([1, 2, 3]))
    with pytest.raises(ValueError, match="write a label for each input"):
        people.mistakes(COUNTS, torch.tensor([0]))
