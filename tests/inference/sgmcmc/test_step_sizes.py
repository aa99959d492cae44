"""The learning rates of a run, and the epochs that give draws."""

import math

import pytest

from tests.inference.sgmcmc.linear_chains import build
from zoo import inference
from zoo.inference.sgmcmc.step_sizes import StepSizes


def test_a_constant_rate_keeps_the_epochs_after_burn_in():
    steps = StepSizes(6, lr=0.1, burn_in=2)
    assert [steps.rate(time) for time in (0.0, 2.5, 5.9)] == [0.1] * 3
    assert steps.kept == [2, 3, 4, 5]


def test_a_decaying_rate_is_a_power_of_the_epochs():
    steps = StepSizes(6, lr=0.1, decay=0.5)
    assert steps.rate(0.0) == 0.1
    assert steps.rate(3.0) == pytest.approx(0.05)


def test_a_cycle_falls_as_half_a_cosine_and_begins_anew():
    steps = StepSizes(60, lr=0.4, cycles=3)
    for begin in (0.0, 20.0, 40.0):
        assert steps.rate(begin) == pytest.approx(0.4)
        assert steps.rate(begin + 10) == pytest.approx(0.2)
        share = 0.5 * (1 + math.cos(math.pi * 19.9 / 20))
        assert steps.rate(begin + 19.9) == pytest.approx(0.4 * share)


def test_a_cycle_explores_without_noise_and_without_draws():
    steps = StepSizes(60, lr=0.4, cycles=3, explore=0.5)
    assert not steps.has_noise(0.0)
    assert not steps.has_noise(29.9)
    assert steps.has_noise(30.0)
    assert steps.kept == [*range(10, 20), *range(30, 40), *range(50, 60)]


@pytest.mark.parametrize("cycles", [0, 1, 2, 3, 4, 7])
def test_at_least_half_of_sixty_epochs_give_draws(cycles):
    options = {"cycles": cycles, "burn_in": 0 if cycles else 30}
    assert len(StepSizes(60, lr=0.1, **options).kept) >= 30 - cycles


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_epochs": 0}, "num_epochs must be"),
        ({"num_epochs": 5, "burn_in": 5}, "num_epochs=5 leaves no draw"),
        ({"cycles": 2, "decay": 0.5}, "decay=0.5 is of a learning rate without cycles"),
        ({"explore": 1.0}, "explore must be a share of a cycle"),
        ({"decay": -1.0}, "decay must be an exponent, at least 0, not -1"),
        ({"lr": 0.0}, "lr is a learning rate and must be positive"),
        ({"burn_in": -1}, "burn_in must be"),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        inference.SGLD(build(), **options)
