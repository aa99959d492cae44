"""Streams of tasks: each task has its own rows or its own order of inputs, and nothing else."""

import pytest
import torch

from zoo import datasets
from zoo.datasets import Dataset, Split

TABLE = datasets.classification(torch.randn(60, 4), ["a", "b", "c"] * 20)


def test_the_tasks_of_a_split_have_all_rows_once_with_labels_of_their_own():
    data = datasets.digits()
    tasks = datasets.split(data)
    assert [task.classes for task in tasks] == [
        (0, 1),
        (2, 3),
        (4, 5),
        (6, 7),
        (8, 9),
    ]
    assert sum(len(task.train.x) for task in tasks) == len(data.train.x)

    group = datasets.split(data, [(7, 3)])[0]
    for part, whole in ((group.train, data.train), (group.test, data.test)):
        rows = (whole.y == 7) | (whole.y == 3)
        assert torch.equal(part.x, whole.x[rows])
        assert torch.equal(part.y, (whole.y[rows] == 3).long())


def test_labels_of_the_whole_set_remain_if_asked_for():
    task = datasets.split(datasets.digits(), [(7, 3)], relabel=False)[0]
    assert task.train.y.unique().tolist() == [3, 7]
    assert len(task.classes) == 10


def test_groups_are_named_by_the_labels_of_the_set():
    task = datasets.split(TABLE, [("c", "a"), ("b",)])[0]
    assert task.classes == ("c", "a")
    assert len(task.train.y) == (TABLE.train.y != 1).sum()


def test_the_validation_part_is_split_too():
    part = TABLE.train
    data = Dataset("t", part, TABLE.test, validation=part, classes=TABLE.classes)
    task = datasets.split(data, [("a", "b")])[0]
    assert torch.equal(task.validation.x, task.train.x)
    moved = datasets.permuted(data, 2)[1]
    assert torch.equal(moved.validation.x, moved.train.x)


@pytest.mark.parametrize(
    ("groups", "sentence"),
    [
        (
            [(0, 1), (2, 12)],
            "task 1 has no training data of class 12; 'digits' has the",
        ),
        (
            [(0, 1), ()],
            r"task 1 has the classes \(\); write at least one, and each once",
        ),
        ([(0, 0)], r"task 0 has the classes \(0, 0\); write at least one"),
    ],
)
def test_a_task_without_data_is_refused_with_a_sentence(groups, sentence):
    with pytest.raises(ValueError, match=sentence):
        datasets.split(datasets.digits(), groups)


def test_a_part_without_a_class_is_named():
    data = Dataset("t", TABLE.train, Split(torch.zeros(1, 4), torch.tensor([0])))
    with pytest.raises(ValueError, match="task 0 has no test data of class 1"):
        datasets.split(data, [(0, 1)])


def test_what_cannot_be_split_says_so():
    with pytest.raises(ValueError, match="3 classes, which are no pairs; write the"):
        datasets.split(TABLE)
    with pytest.raises(ValueError, match="has no classes to divide into tasks"):
        datasets.split(datasets.uci("yacht"))
    with pytest.raises(ValueError, match="num_tasks must be at least 1, not 0"):
        datasets.permuted(TABLE, 0)


def test_a_permuted_task_has_the_same_pixels_in_another_order_in_both_parts():
    data = datasets.digits()
    tasks = datasets.permuted(data, 3, seed=1)
    assert torch.equal(tasks[0].train.x, data.train.x)

    first, again = tasks[1], datasets.permuted(data, 2, seed=1)[1]
    assert torch.equal(first.train.x, again.train.x)
    assert not torch.equal(first.train.x, tasks[2].train.x)

    for part, whole in ((first.train, data.train), (first.test, data.test)):
        assert torch.equal(
            part.x.flatten(1).sort(-1).values, whole.x.flatten(1).sort(-1).values
        )
        assert torch.equal(part.y, whole.y)


def test_one_permutation_holds_for_all_rows_and_channels():
    places = torch.arange(16.0).reshape(1, 1, 4, 4)
    x = torch.cat([places, 100 + places], 1).repeat(3, 1, 1, 1)  # (3, 2, 4, 4)
    data = Dataset("t", Split(x, torch.arange(3)), Split(x, torch.arange(3)))
    moved = datasets.permuted(data, 2)[1]
    assert torch.equal(moved.train.x[:, 1], 100 + moved.train.x[:, 0])
    assert torch.equal(moved.train.x[0], moved.test.x[2])
    assert moved.train.x[0, 0].flatten().sort().values.tolist() == list(range(16))


def test_columns_of_a_table_keep_their_units():
    task = datasets.permuted(TABLE, 4)[3]
    theirs = TABLE.x_units.restore(TABLE.test.x).sort(-1).values
    ours = task.x_units.restore(task.test.x).sort(-1).values
    torch.testing.assert_close(ours, theirs)
    assert not torch.equal(task.x_units.loc, TABLE.x_units.loc)


def test_a_stream_is_a_sequence():
    tasks = datasets.split(datasets.digits())
    assert len(tasks) == len(list(tasks)) == 5
    assert [task.classes for task in tasks[3:]] == [(6, 7), (8, 9)]
    assert tasks[-1].classes == (8, 9)
    with pytest.raises(IndexError):
        tasks[5]


@pytest.mark.parametrize("choose", [datasets.k_centre, datasets.random_rows])
def test_a_coreset_and_the_rest_are_all_rows_once(choose):
    data = datasets.digits(flatten=True)
    rest, core = datasets.coreset(data, 30, choose, seed=2)
    both = torch.cat([rest.train.x, core.x])
    assert len(core.x) == len(core.y) == 30
    assert torch.equal(both.sum(-1).sort().values, data.train.x.sum(-1).sort().values)
    assert rest.test is data.test
    again = datasets.coreset(data, 30, choose, seed=2)[1]
    assert torch.equal(core.x, again.x)


def test_k_centre_leaves_no_row_far_away():
    """Greedy centres are at most twice as far as the best; random ones are farther."""
    x = torch.cat([torch.randn(200, 2), torch.randn(3, 2) + torch.tensor([60.0, 0.0])])
    radius = {}
    for choose in (datasets.k_centre, datasets.random_rows):
        rows = choose(x, 10, seed=0)
        assert len(rows.unique()) == 10
        radius[choose] = torch.cdist(x, x[rows]).amin(-1).max()
    assert radius[datasets.k_centre] < 4 < radius[datasets.random_rows]


def test_k_centre_takes_each_row_once_even_if_rows_are_equal():
    rows = datasets.k_centre(torch.zeros(5, 2), 4)
    assert len(rows.unique()) == 4


def test_a_coreset_of_no_row_or_of_all_is_refused():
    with pytest.raises(ValueError, match="has 1 to 1436 of its 1437 rows, not 0"):
        datasets.coreset(datasets.digits(), 0)
