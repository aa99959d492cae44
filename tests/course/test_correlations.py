"""Which correlations does a mean field lose? Mistakes are named."""

import math

import pytest
from course.answers import answers_of, said_of

from zoo.course import correlations

ANSWERS = answers_of("06_lost_correlations")


@pytest.mark.parametrize(
    ("name", "wrong", "sentence"),
    [
        ("scales", ..., "no answer yet"),
        ("scales", lambda c: c.diagonal().sqrt(), "given the others"),
        ("scales", lambda c: c.diagonal().rsqrt(), "invert the whole matrix first"),
        ("scales", lambda c: ANSWERS.scales(c) ** 2, "these are variances"),
        ("scales", lambda c: c.inverse(), "(P,)"),
        ("lost", -ANSWERS.lost, "a loss is positive"),
        ("lost", 2 * ANSWERS.lost, "the half is missing"),
        ("lost", ANSWERS.lost / math.log(2), "these are bits"),
        ("lost", ANSWERS.lost + math.log(10), "scales of the weights do not matter"),
        ("shift", 2, "this is the median"),
        ("shift", 3.5, "the middle of the range"),
        ("shift", -3, "not added"),
        ("num_parameters", 302, "this is a mean field"),
        ("num_parameters", 151 + 151**2, "count each pair once"),
        ("num_parameters", 151 * 152 // 2, "the means are missing"),
    ],
)
def test_a_mistake_is_named(name, wrong, sentence, capsys):
    assert sentence in said_of(getattr(correlations, name), wrong, capsys)
