"""What does the ELBO trade? Mistakes are named."""

import math

import pytest
from course.answers import answers_of, said_of

from zoo.course import bound

ANSWERS = answers_of("05_the_bound")


@pytest.mark.parametrize(
    ("name", "wrong", "sentence"),
    [
        ("best_scale", ..., "no answer yet"),
        ("best_scale", lambda x, n, s: ANSWERS.best_scale(x, n, s) ** 2, "the root"),
        ("best_scale", lambda x, n, s: n / x.square().sum().sqrt(), "prior is missing"),
        ("best_scale", lambda x, n, s: ANSWERS.best_scale(x, n**0.5, s), "the noise"),
        ("best_scale", lambda x, n, s: x, "one weight has one scale"),
        ("doubled", 7510, "twice is not e times"),
        ("doubled", 0.693, "for one weight"),
        ("dropout_spread", 1.2, "scaled up by 1 / (1 - p)"),
        ("dropout_spread", 2.25, "this is the variance"),
        ("batch_loss", lambda ll, kl, n: -ANSWERS.batch_loss(ll, kl, n), "the ELBO"),
        ("batch_loss", lambda ll, kl, n: kl - ll.sum(), "multiply it by N / B"),
        ("batch_loss", lambda ll, kl, n: kl / n - ll.mean(), "this is per datum"),
        ("batch_loss", lambda ll, kl, n: kl - n * ll, "the loss is a scalar"),
        ("counted", 1e-4, "the other way round"),
        ("counted", 100, "all elements of the matrix"),
        ("counted", math.pi, "what is c"),
    ],
)
def test_a_mistake_is_named(name, wrong, sentence, capsys):
    assert sentence in said_of(getattr(bound, name), wrong, capsys)
