"""Trees of tensors: counted, taken, split and joined by rows."""

import pytest
import torch

from zoo.likelihoods.observed import Observed
from zoo.runtime import rows

A, B = torch.arange(12.0).reshape(6, 2), torch.arange(6)
TREES = [A, (A, B), {"a": A, "b": (B, A)}, Observed(A, B, {"scale": A}), Observed(A)]


@pytest.mark.parametrize("tree", TREES)
def test_a_tree_is_its_rows_joined(tree):
    assert rows.num_rows(tree) == 6
    parts = list(rows.split(tree, 4))
    assert [rows.num_rows(part) for part in parts] == [4, 2]
    assert rows.is_same(rows.concatenate(parts), tree)
    assert rows.is_same(rows.take(tree, torch.tensor([0, 1])), rows.first(tree, 2))


@pytest.mark.parametrize("tree", TREES)
def test_a_tree_is_its_tensors_and_its_structure(tree):
    tensors, structure = rows.flatten(tree)
    built = structure.build(tensors)
    assert type(built) is type(tree)
    assert rows.is_same(built, tree)
    assert not rows.is_same(built, [tree])


@pytest.mark.parametrize(
    ("tree", "sentence"),
    [
        (
            {"a": A, "b": B[:5]},
            r"inputs\['a'\] has 6, inputs\['b'\] has 5; give one row",
        ),
        (
            (A, torch.tensor(1.0)),
            r"the inputs\[1\] have no dimension, but the data must",
        ),
        (torch.tensor(1.0), "the inputs have no dimension"),
        ({}, "the inputs hold no tensor"),
        ((), "the inputs hold no tensor"),
    ],
)
def test_trees_without_a_number_of_rows(tree, sentence):
    with pytest.raises(ValueError, match=sentence):
        rows.num_rows(tree)


def test_floats_take_the_dtype_and_others_keep_theirs():
    moved = rows.moved({"x": A, "ids": B}, torch.zeros((), dtype=torch.float64))
    assert moved["x"].dtype == torch.float64
    assert moved["ids"].dtype == torch.int64


@pytest.mark.parametrize("tree", [A, (A, B), (A,), {"a": A, "b": B}])
def test_a_tree_is_its_named_tensors(tree):
    named = rows.named_tensors(tree, "inputs")
    assert rows.is_same(rows.of_named(named, "inputs"), tree)


def test_names_of_another_tree():
    with pytest.raises(ValueError, match="is no place in a tuple or mapping"):
        rows.of_named({"inputs['a', 'b']": A}, "inputs")


def test_shapes_in_words():
    assert rows.describe(A) == "(6, 2)"
    assert rows.describe((A, B)) == "((6, 2), (6,))"
    assert rows.describe({"a": A}) == "{'a': (6, 2)}"
