"""A pool reveals the labels with the highest scores, each once."""

import re

import pytest
import torch

from zoo import acquisition
from zoo.datasets import Split

DATA = Split(torch.arange(10.0).unsqueeze(1), torch.arange(10))


def test_the_highest_scores_are_labelled_in_their_order():
    pool = acquisition.Pool(DATA, labelled=torch.tensor([4, 1]))
    assert pool.candidates.flatten().tolist() == [0, 2, 3, 5, 6, 7, 8, 9]
    asked = pool.label(torch.tensor([0.0, 3, 1, 0, 0, 2, 0, 0]), 2)
    assert asked.tolist() == [2, 7]
    assert pool.labelled.y.tolist() == [4, 1, 2, 7]
    assert torch.equal(pool.labelled.x[:, 0].long(), pool.labelled.y)
    assert pool.candidates.flatten().tolist() == [0, 3, 5, 6, 8, 9]
    assert repr(pool) == "Pool of 10 data: 4 labelled"


def test_no_datum_is_labelled_twice_until_all_are():
    pool = acquisition.Pool(DATA, labelled=1, num_candidates=3)
    offered = []
    while len(pool.candidates):
        offered.append(pool.candidates.flatten().tolist())
        assert torch.equal(pool.candidates, pool.candidates)
        pool.label(torch.rand(len(pool.candidates)))
    assert sorted(pool.rows.tolist()) == list(range(10))
    assert [len(rows) for rows in offered] == [3] * 7 + [2, 1]


def test_a_seed_decides_what_is_labelled_and_offered():
    def rows(seed):
        pool = acquisition.Pool(DATA, 3, num_candidates=4, seed=seed)
        return pool.rows.tolist(), pool.candidates.flatten().tolist()

    assert rows(0) == rows(0) != rows(1)


@pytest.mark.parametrize("labelled", [0, 11, torch.tensor([1, 1]), -1])
def test_a_wrong_start_gets_a_sentence(labelled):
    sentence = "labelled must be a number from 1 to 10, the number of data, or as many different"
    with pytest.raises(ValueError, match=sentence):
        acquisition.Pool(DATA, labelled)


@pytest.mark.parametrize(
    ("scores", "number", "sentence"),
    [
        (torch.zeros(7), 1, "scores must be 8 numbers, .*, not a tensor of shape (7,)"),
        (torch.full((8,), torch.nan), 1, "pool.candidates, not 8 NaN among them"),
        (torch.zeros(8), 9, "number must be from 1 to 8, .*, not 9"),
        (torch.zeros(8), 0, "from 1 to 8, the number of candidates, not 0"),
    ],
)
def test_scores_that_do_not_fit_get_a_sentence(scores, number, sentence):
    pool = acquisition.Pool(DATA, labelled=2)
    with pytest.raises(ValueError, match=re.escape(sentence).replace(r"\.\*", ".*")):
        pool.label(scores, number)
