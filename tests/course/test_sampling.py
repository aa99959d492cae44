"""How does HMC work? Mistakes are named."""

import math

import pytest
import torch
from course.answers import answers_of, said_of

from zoo.course import sampling

ANSWERS = answers_of("04_how_hmc_works")


@pytest.mark.parametrize(
    ("name", "wrong", "sentence"),
    [
        ("largest_step", ..., "no answer yet"),
        ("largest_step", 0.03, "not one standard deviation, but two"),
        ("largest_step", 4, "all take the same"),
        ("largest_step", 7, "the first to fail"),
        ("acceptance", lambda b, a: torch.exp(b - a).clamp(max=1), "energy is nan"),
        ("acceptance", lambda b, a: torch.exp(b - a).nan_to_num(0.0), "at most 1"),
        ("acceptance", lambda b, a: a <= b, "not a decision"),
        ("acceptance", lambda b, a: ANSWERS.acceptance(a, b), "other way round"),
        ("acceptance", lambda b, a: ANSWERS.acceptance(b, a).mean(), "(C,)"),
        ("rhat", lambda d: ANSWERS.rhat(d).square(), "take the root"),
        ("rhat", lambda d: ANSWERS.rhat(d.transpose(0, 1)), "are exchanged"),
        ("rhat", lambda d: ANSWERS.rhat(d).max(), "(M,)"),
        ("copies", 120, "the signs are missing"),
        ("copies", 32, "their order is missing"),
        ("error_of_mean", 0.5 / math.sqrt(4000), "not independent"),
        ("error_of_mean", 0.005, "the root of the number"),
    ],
)
def test_a_mistake_is_named(name, wrong, sentence, capsys):
    assert sentence in said_of(getattr(sampling, name), wrong, capsys)
