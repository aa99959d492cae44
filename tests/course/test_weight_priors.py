"""What does a weight prior say about functions? Mistakes are named."""

import math

import pytest
from course.answers import answers_of, said_of

from zoo.course import weight_priors

ANSWERS = answers_of("02_weight_priors")


@pytest.mark.parametrize(
    ("name", "wrong", "sentence"),
    [
        ("size", ..., "no answer yet"),
        ("size", ANSWERS.size**2, "this is the variance"),
        ("size", math.sqrt(2501), "a product of tanh(b) and its weight"),
        ("scale", lambda n: 2 / n, "variances add up"),
        ("scale", lambda n: n**-0.5, "it is 2, not 1"),
        ("scale", lambda n: 2 * n**0.5, "smaller weights"),
        ("units", (100, 1, 0.1, 0.1), "larger inputs need smaller weights"),
        ("units", (0.01, 0.01, 0.1, 0.1), "the first biases"),
        ("units", (0.01, 1, 0.1, 1), "the unit of y as well"),
        ("units", 0.01, "four factors"),
        ("sure", ANSWERS.sure / 2, "both sides count"),
        ("sure", math.erfc(math.log(99) / math.sqrt(102)), "has both variances"),
        ("sure", math.erfc(math.log(99) / math.sqrt(200)), "do not forget the bias"),
    ],
)
def test_a_mistake_is_named(name, wrong, sentence, capsys):
    assert sentence in said_of(getattr(weight_priors, name), wrong, capsys)
