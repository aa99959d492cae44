"""Are dropout, ensembles, SWAG and Laplace Bayesian? Answers are right, mistakes are named."""

import pytest
import torch
from course.answers import answers_of, said_of

from zoo.course import methods

ANSWERS = answers_of("08_is_it_bayesian")
SIGMA = 0.5


def decayed_to_zero(x, y, noise, anchor, sigma):
    return ANSWERS.member(x, y, noise, 0.0, sigma)


def same_targets(x, y, noise, anchor, sigma):
    return ANSWERS.member(x, y, 0 * noise, anchor, sigma)


def test_the_members_have_the_variance_of_the_posterior():
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(2, 10, generator=generator)
    found = []
    for _ in range(4000):
        noise = torch.randn(10, generator=generator)
        anchor = torch.randn((), generator=generator)
        found.append(ANSWERS.member(x, y, noise, anchor, SIGMA))

    exact = 1 / (1 + x @ x / SIGMA**2)
    error = (2 / 4000) ** 0.5  # of a variance of normal draws, relative
    ratio = float(torch.stack(found).var() / exact)
    assert abs(ratio - 1) < 4 * error

    same = torch.stack([same_targets(x, y, x, a, SIGMA) for a in torch.randn(4000)])
    assert float(same.var() / exact) < 1 - 4 * error  # without noise: too narrow


@pytest.mark.parametrize(
    ("name", "wrong", "sentence"),
    [
        ("dropout", ..., "no answer yet"),
        ("dropout", 0.25, "not p"),
        ("dropout", 0.8, "keeping a unit"),
        ("dropout", 0.5, "the standard deviation is M"),
        ("rate", 0.002, "the two is missing"),
        ("rate", 1 / 8000, "the variance of the posterior"),
        ("rate", 2 / 8000, "larger batches"),
        ("member", decayed_to_zero, "not to zero"),
        ("member", same_targets, "no noise of their own"),
        ("member", lambda x, y, *_: y - x, "a scalar"),
        ("five", 1, "a sixth draw"),
        ("five", 0.8, "two of them are outside"),
        ("five", 1 / 3, "outside"),
    ],
)
def test_a_mistake_is_named(name, wrong, sentence, capsys):
    assert sentence in said_of(getattr(methods, name), wrong, capsys)
