"""Dual averaging: step sizes reach the target for a known acceptance function."""

import torch

from zoo.inference.mcmc.adaptation.dual_averaging import DualAveraging

STEEPNESS = torch.tensor([0.5, 2.0, 20.0])


def acceptance(step_size):
    """Return an acceptance that falls with the step size and is 0.8 at 1 / STEEPNESS."""
    return 0.8 ** (STEEPNESS * step_size).square()


def adapted(state, steps, target=0.8, where=None):
    for _ in range(steps):
        state = state.updated(acceptance(state.step_size), target, where)
    return state


def test_step_sizes_reach_the_acceptance():
    state = adapted(DualAveraging.at(torch.full((3,), 0.1)), 500)
    assert torch.allclose(state.average, 1 / STEEPNESS, rtol=0.05)
    assert torch.allclose(acceptance(state.average), torch.tensor(0.8), atol=0.02)


def test_a_lower_target_takes_longer_steps():
    initial = DualAveraging.at(torch.full((3,), 0.1))
    assert (
        adapted(initial, 300, 0.6).average > adapted(initial, 300, 0.9).average
    ).all()


def test_larger_steps_are_tried_first_in_the_same_dtype():
    state = DualAveraging.at(torch.tensor([0.1], dtype=torch.float64))
    assert torch.allclose(state.step_size, torch.tensor([0.1], dtype=torch.float64))
    later = state.updated(torch.tensor([0.8], dtype=torch.float64), 0.8)
    assert torch.allclose(later.step_size, torch.tensor([1.0], dtype=torch.float64))
    assert all(part.dtype == torch.float64 for part in later)


def test_chains_outside_a_mask_keep_their_state():
    initial = DualAveraging.at(torch.full((3,), 0.1))
    state = adapted(initial, 5, where=torch.tensor([True, False, True]))
    for new, old in zip(state[1:], initial[1:], strict=True):
        assert new[1] == old[1]
        assert (new != old)[[0, 2]].any()
