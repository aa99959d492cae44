"""Which uncertainty can more data remove? Mistakes are named."""

import math

import pytest
from course.answers import answers_of, said_of

from zoo.course import uncertainty

ANSWERS = answers_of("10_which_uncertainty")


@pytest.mark.parametrize(
    ("name", "wrong", "sentence"),
    [
        ("coin", ..., "no answer yet"),
        ("coin", ANSWERS.coin / math.log(2), "these are bits"),
        ("coin", math.log(2) - ANSWERS.coin, "the aleatoric part"),
        ("coin", 0.06, "a variance is another measure"),
        ("lowest_nll", 0, "how the coin will fall"),
        ("lowest_nll", 0.5, "this is the error"),
        ("share", lambda p: 1 - ANSWERS.share(p), "this share is aleatoric"),
        ("share", lambda p: ANSWERS.share(p).mean(), "one share for each input"),
        ("share", lambda p: p.missing, "your answer raised AttributeError"),
        ("asking", lambda p: 1 - p.mean(0).amax(-1) > 0.2, "which nobody knows"),
        ("asking", lambda p: ~ANSWERS.asking(p), "the other way round"),
    ],
)
def test_a_mistake_is_named(name, wrong, sentence, capsys):
    assert sentence in said_of(getattr(uncertainty, name), wrong, capsys)
