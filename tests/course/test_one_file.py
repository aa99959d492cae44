"""Bayes by Backprop in one file: mistakes are named."""

import pytest
from course.answers import answers_of, said_of
from torch.distributions import Normal, kl_divergence

from zoo.course import one_file

ANSWERS = answers_of("00_one_file_bnn")


def reversed_divergence(loc, scale, prior_scale):
    return kl_divergence(Normal(0.0, prior_scale), Normal(loc, scale))


def of_variances(loc, scale, prior_scale):
    return ANSWERS.divergence(loc, scale.sqrt(), prior_scale.sqrt())


@pytest.mark.parametrize(
    ("name", "wrong", "sentence"),
    [
        ("batch_factor", ..., "no answer yet"),
        ("batch_factor", 1, "the weight of 10 points"),
        ("batch_factor", 0.1, "the other way round"),
        ("divergence", reversed_divergence, "this is KL(p || q)"),
        ("divergence", of_variances, "a scale is not a variance"),
        ("divergence", lambda *q: -ANSWERS.divergence(*q), "the sign"),
        ("divergence", lambda *q: ANSWERS.divergence(*q).sum(), "for each weight"),
        ("narrow", 1.0, "whose neighbour is free"),
        ("narrow", 0.36, "the variance"),
        ("narrow", 0.2, "precision's diagonal"),
    ],
)
def test_a_mistake_is_named(name, wrong, sentence, capsys):
    assert sentence in said_of(getattr(one_file, name), wrong, capsys)
