"""Why is a softmax not a confidence? Mistakes are named."""

import math

import pytest
from course.answers import answers_of, said_of

from zoo.course import softmax

ANSWERS = answers_of("01_softmax_confidence")


@pytest.mark.parametrize(
    ("name", "wrong", "sentence"),
    [
        ("far_away", ..., "no answer yet"),
        ("far_away", 1 - ANSWERS.far_away, "the class that it predicts"),
        ("far_away", 1 / (1 + math.exp(10 / 3)), "not proportional"),
        ("far_away", 0.5, "first the margin"),
        ("averaged", lambda z: z.mean(0).softmax(-1).amax(-1), "this averages logits"),
        ("averaged", lambda z: z.softmax(-1).amax(-1).mean(0), "how sure a draw is"),
        ("averaged", lambda z: z.softmax(-1).mean(0), "one confidence for each input"),
        ("calibration", 0.04, "do not cancel"),
        ("calibration", 0.075, "by their number of images"),
        ("calibration", 0.18, "this is the error rate"),
        ("cooled", 2 + math.log(99), "without the temperature"),
        ("cooled", 2 + math.log(99) / 2, "it has to be larger"),
        ("cooled", math.inf, "it does reach it"),
    ],
)
def test_a_mistake_is_named(name, wrong, sentence, capsys):
    assert sentence in said_of(getattr(softmax, name), wrong, capsys)
