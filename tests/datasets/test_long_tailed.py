"""A training part with a long tail has the published counts, and the rest stays as it is."""

import pytest
import torch

from zoo import datasets
from zoo.datasets import Dataset, Split


def even(per_class=500, num_classes=10):
    y = torch.arange(num_classes).repeat_interleave(per_class)
    x = torch.arange(len(y)).float().unsqueeze(-1)
    return Dataset("even", Split(x, y), Split(x[:5], y[:5]))


def test_the_counts_are_those_of_cifar10_lt():
    data = datasets.long_tailed(even(5000), ratio=100)
    published = [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]
    assert data.train.y.bincount().tolist() == published
    assert data.name == "even-LT"


def test_data_are_chosen_at_random_once_and_the_other_parts_are_kept():
    whole = even()
    data = datasets.long_tailed(whole, ratio=10)
    assert data.test is whole.test
    assert len(data.train.x.unique()) == len(data.train.x)
    assert torch.equal(whole.train.y[data.train.x[:, 0].long()], data.train.y)

    same = datasets.long_tailed(whole, ratio=10)
    other = datasets.long_tailed(whole, ratio=10, seed=1)
    assert torch.equal(same.train.x, data.train.x)
    assert not torch.equal(other.train.x, data.train.x)


def test_the_first_class_has_as_many_as_the_others_allow():
    y = torch.tensor([0] * 100 + [1] * 100 + [2] * 5)
    part = Split(torch.zeros(len(y), 1), y)
    data = datasets.long_tailed(Dataset("few", part, part), ratio=4)
    assert data.train.y.bincount().tolist() == [20, 10, 5]
    data = datasets.long_tailed(Dataset("few", part, part), ratio=1, largest=3)
    assert data.train.y.bincount().tolist() == [3, 3, 3]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ratio": 0.5}, "ratio must be at least 1 and finite, not 0.5; write"),
        ({"ratio": float("nan")}, "ratio must be at least 1"),
        ({"ratio": 1000}, "class 9 of 'even' has 500 data, .* ratio=1000 ask for 0; w"),
        (
            {"largest": 501},
            "class 0 of 'even' has 500 data, but largest=501 and .* 501",
        ),
    ],
)
def test_what_cannot_be_thinned_gets_a_sentence(options, message):
    with pytest.raises(ValueError, match=message):
        datasets.long_tailed(even(), **options)


def test_other_targets_get_a_sentence():
    with pytest.raises(
        ValueError, match="'yacht' has real targets, which have no tail"
    ):
        datasets.long_tailed(datasets.uci("yacht"))
    with pytest.raises(ValueError, match="'even' has 1 class, and a tail needs two"):
        datasets.long_tailed(even(num_classes=1))
