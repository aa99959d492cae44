"""What is the exact posterior? Mistakes are named."""

import pytest
import torch
from course.answers import answers_of, said_of

from zoo.course import exact

ANSWERS = answers_of("03_exact_posterior")


def solve(features, y, noise, scale):
    return ANSWERS.posterior(features, y, noise, scale)


@pytest.mark.parametrize(
    ("name", "wrong", "sentence"),
    [
        ("posterior", ..., "no answer yet"),
        ("posterior", lambda f, y, n, s: solve(f, y, n**0.5, s), "has its square"),
        ("posterior", lambda f, y, n, s: solve(f, y, n, s**0.5), "1 / scale²"),
        ("posterior", lambda f, y, n, s: solve(f, y, n, 1e6), "add the prior"),
        (
            "posterior",
            lambda f, y, n, s: (f.T @ y, solve(f, y, n, s)[1]),
            "the mean is not",
        ),
        (
            "posterior",
            lambda f, y, n, s: (torch.linalg.pinv(f) @ y, solve(f, y, n, s)[1]),
            "this mean is MLE",
        ),
        ("data_needed", 2500, "this is for the intercept"),
        ("data_needed", 43, "the root of N"),
        ("data_needed", 625, "not the largest"),
        ("observation", 0.69, "this is the variance"),
        ("observation", 0.6633, "an observation has noise"),
        ("observation", 0.7937, "w and b are correlated"),
        ("has_formula", (True,) * 6, "2: labels"),
        ("has_formula", (True, False, True, True, True, False), "4: a product"),
        ("has_formula", (True,), "6 booleans"),
    ],
)
def test_a_mistake_is_named(name, wrong, sentence, capsys):
    assert sentence in said_of(getattr(exact, name), wrong, capsys)
