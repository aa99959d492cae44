"""Does it notice strange inputs? Mistakes are named."""

import pytest
import torch
from course.answers import answers_of, said_of

from zoo.course import strange_inputs

ANSWERS = answers_of("11_strange_inputs")


def kept_of_another_fraction(uncertainty, is_right, fraction):
    return ANSWERS.kept_accuracy(uncertainty, is_right, 1 - fraction)


def most_uncertain(uncertainty, is_right, fraction):
    return ANSWERS.kept_accuracy(-uncertainty, is_right, fraction)


def log_density_at_zero(mean, std):
    return torch.distributions.Normal(mean, std).log_prob(torch.zeros(()))


@pytest.mark.parametrize(
    ("name", "wrong", "sentence"),
    [
        ("area", ..., "no answer yet"),
        ("area", 8 / 9, "a tie counts one half, not one"),
        ("area", 1 - ANSWERS.area, "the other way round"),
        ("kept_accuracy", kept_of_another_fraction, "this keeps the fraction"),
        ("kept_accuracy", most_uncertain, "keeps the most uncertain"),
        ("kept_accuracy", lambda u, right, f: right.double().mean(), "of all inputs"),
        ("kept_accuracy", lambda u, right, f: right, "one number"),
        ("radius", 0.4, "may move by the radius"),
        ("radius", 0.5, "both pixels move"),
        ("cost", lambda mean, std: (mean / std) ** 2, "has a half"),
        ("cost", lambda mean, std: mean.abs() / std, "the signal to noise"),
        ("cost", log_density_at_zero, "that at the mean"),
        ("cost", lambda mean, std: mean / std**2, "log q(mean)"),
    ],
)
def test_a_mistake_is_named(name, wrong, sentence, capsys):
    assert sentence in said_of(getattr(strange_inputs, name), wrong, capsys)
