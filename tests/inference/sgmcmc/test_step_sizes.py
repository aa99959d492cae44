"""The learning rates of a run, and the epochs that give draws."""

import math

import pytest
import torch

from tests.inference.sgmcmc.linear_chains import build, curvatures, fit
from zoo import inference
from zoo.inference.sgmcmc.stability import curvature
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


def test_a_usual_rate_is_lowered_to_the_curvature():
    """In linear regression the curvature is the same everywhere, and known."""
    for kind in (inference.SGLD, inference.SGHMC):
        posterior = fit(kind, num_epochs=12)
        expected = min(kind.usual_lr, 0.5 / float(curvatures().max()))
        assert float(posterior.info.step_size[0]) == pytest.approx(expected, rel=0.03)

    given = fit(inference.SGLD, num_epochs=12, lr=0.2)
    assert float(given.info.step_size[0]) == pytest.approx(0.2)


def test_a_curvature_is_the_largest_eigenvalue():
    matrix = torch.diag(torch.tensor([1.0, 4.0, 9.0]))

    def gradient(q):
        return q @ matrix, q.new_zeros(len(q))

    q, start = torch.randn(2, 3), torch.randn(2, 3)
    values, direction = curvature(gradient, q, start, None, 30)
    assert torch.allclose(values, torch.full((2,), 9.0), rtol=1e-2)
    metric = torch.tensor([[1.0, 1.0, 0.01]]).expand(2, 3)
    values, _ = curvature(gradient, q, direction + start, metric, 30)
    assert torch.allclose(values, torch.full((2,), 4.0), rtol=1e-2)
