"""The landscape: mistakes are named."""

import pytest
import torch
from course.answers import answers_of, said_of

from zoo.course import modes

ANSWERS = answers_of("13_the_landscape")


def precision(x, y):
    mean, covariance = ANSWERS.line(x, y)
    return mean, covariance.inverse()


def twice_the_mean(x, y):
    mean, covariance = ANSWERS.line(x, y)
    return 2 * mean, covariance


def of_the_mean_loss(x):
    phi = ANSWERS.features(x)
    eigenvalues = torch.linalg.eigvalsh(phi.T @ phi / ANSWERS.NOISE**2) / len(x)
    return (eigenvalues / (eigenvalues + 1)).sum()


def share_of_roots(functions):
    share = ANSWERS.between(functions)
    return share**0.5 / (share**0.5 + (1 - share) ** 0.5)


@pytest.mark.parametrize(
    ("name", "wrong", "sentence"),
    [
        ("line", ..., "no answer yet"),
        ("line", precision, "this is the precision"),
        ("line", twice_the_mean, "the mean is not"),
        ("line", lambda x, y: (x.mean(), x), "2 by 2"),
        ("same_functions", 6, "a unit's sign"),
        ("same_functions", 8, "change places"),
        ("dimension", of_the_mean_loss, "not to its mean"),
        ("dimension", lambda x: 2 - ANSWERS.dimension(x), "the prior decides"),
        ("dimension", lambda x: 2.5, "the number of weights"),
        ("height", lambda p, n: p / 2, "not per datum"),
        ("height", lambda p, n: p / n, "twice too much"),
        ("between", lambda f: 1 - ANSWERS.between(f), "within the runs"),
        ("between", share_of_roots, "variances add up"),
        ("between", lambda f: f.mean((0, 1)), "one share"),
    ],
)
def test_a_mistake_is_named(name, wrong, sentence, capsys):
    assert sentence in said_of(getattr(modes, name), wrong, capsys)


def test_the_effective_dimension_is_the_variance_that_is_gone():
    x = torch.linspace(-2, 2, 20).unsqueeze(-1)
    _, covariance = ANSWERS.line(x, x)
    assert ANSWERS.dimension(x) == pytest.approx(float(2 - covariance.trace()))
