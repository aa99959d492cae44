"""How far is my guide from the truth? Mistakes are named."""

import pytest
from course.answers import answers_of, said_of

from zoo.course import distances

ANSWERS = answers_of("07_how_close_is_your_guide")


def unsorted(draws, truth):
    return ((draws - truth).abs().mean(0) / truth.std(0)).mean()


def absolute(draws, truth):
    moved = draws.sort(0).values - truth.sort(0).values
    return moved.abs().mean()


def test_the_distance_is_that_of_the_card():
    from zoo.diagnostics.functions import Functions
    from zoo.diagnostics.scores import regression

    draws, truth = distances._made_up()
    none = draws[:, :0]
    scores = regression(Functions(draws, none), Functions(truth, none))
    own = float(ANSWERS.wasserstein(draws, truth))
    assert scores["wasserstein"] == pytest.approx(own, rel=1e-2)


@pytest.mark.parametrize(
    ("name", "wrong", "sentence"),
    [
        ("wasserstein", ..., "no answer yet"),
        ("wasserstein", unsorted, "sort the draws"),
        ("wasserstein", absolute, "not in standard deviations of the truth"),
        ("wasserstein", lambda d, t: (d - t).abs().mean(0), "one number"),
        ("point", 0, "have to be moved"),
        ("point", 1, "the root of the mean square"),
        ("point", 0.4, "both sides count"),
        ("half", 0.5, "the mean alone"),
        ("half", 1.0, "do not simply add up"),
        ("half", 0.707, "Wasserstein-2"),
        ("outside", 0.1, "of the right spread"),
        ("outside", ANSWERS.outside / 2, "one of the two ends"),
        ("outside", 1 - ANSWERS.outside, "how often it is inside"),
        ("outside", 0.001, "not wider"),
    ],
)
def test_a_mistake_is_named(name, wrong, sentence, capsys):
    assert sentence in said_of(getattr(distances, name), wrong, capsys)
