"""Which model should I choose? Mistakes are named."""

import math

import pytest
import torch
from course.answers import answers_of, said_of

from zoo.course import model_choice

ANSWERS = answers_of("12_which_model")


def of_seen_data(pointwise):
    return pointwise.logsumexp(0) - math.log(len(pointwise))


def independent(a, b):
    return math.sqrt(len(a)) * (a.var() + b.var()).sqrt()


def without_the_largest(log_evidence):
    return log_evidence.exp() / log_evidence.exp().sum()


@pytest.mark.parametrize(
    ("name", "wrong", "sentence"),
    [
        ("wider", ..., "no answer yet"),
        ("wider", -math.log(10), "each weight pays"),
        ("wider", 20.72, "a lower density"),
        ("wider", -9, "not nats"),
        ("loo", of_seen_data, "the draws have seen"),
        ("loo", lambda pointwise: pointwise.mean(0), "not their logarithms"),
        ("loo", lambda pointwise: ANSWERS.loo(pointwise).sum(), "one number for each"),
        ("difference_error", independent, "the same data"),
        ("difference_error", lambda a, b: (a - b).std(), "one datum's difference"),
        ("model_probs", without_the_largest, "subtract the largest"),
        ("model_probs", lambda logs: logs / logs.sum(), "take exponentials"),
    ],
)
def test_a_mistake_is_named(name, wrong, sentence, capsys):
    assert sentence in said_of(getattr(model_choice, name), wrong, capsys)


def test_a_wider_prior_loses_what_the_exercise_says():
    """The nine weights of a line of noiseless features are determined by the data."""
    features = torch.eye(9).double()
    y = torch.zeros(9).double()
    found = []
    for scale in (100.0, 1000.0):
        covariance = scale**2 * features @ features.T + 1e-2 * torch.eye(9)
        normal = torch.distributions.MultivariateNormal(y, covariance)
        found.append(float(normal.log_prob(y)))
    assert found[1] - found[0] == pytest.approx(ANSWERS.wider, rel=1e-3)
