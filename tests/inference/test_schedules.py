"""Schedules have the shapes that they state, for every number of steps."""

import cases
import pytest
import torch
from torch import nn

from zoo.inference import schedules


def rates(schedule, num_steps, lr=(1.0,)):
    """Return the rate of each step and group, (T, G), and that after the last step."""
    groups = [{"params": [nn.Parameter(torch.zeros(()))], "lr": each} for each in lr]
    optimizer = torch.optim.SGD(groups)
    scheduler = schedule(optimizer, num_steps=num_steps)
    found = []
    for _ in range(num_steps + 1):
        found.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    return torch.tensor(found)


@pytest.mark.parametrize("name", cases.SCHEDULES)
@pytest.mark.parametrize("num_steps", [1, 2, 3, 50, 1000])
def test_a_schedule_reaches_the_peak_and_ends_at_zero(name, num_steps):
    found = rates(cases.SCHEDULES[name](), num_steps)
    assert found.max() == pytest.approx(1.0)
    assert (found[:-1] > 0).all()
    assert found[-1] == pytest.approx(0.0, abs=1e-12)
    assert found[found.argmax() :].diff(dim=0).max() < 0


def test_cosine_with_warm_up_has_its_closed_form():
    found = rates(schedules.cosine(warmup=0.1), 200).squeeze(-1)
    rise = torch.arange(1, 21) / 21
    fall = 0.5 * (1 + torch.cos(torch.pi * torch.arange(181) / 180))
    torch.testing.assert_close(found, torch.cat([rise, fall]), atol=1e-6, rtol=0)


def test_cosine_without_warm_up_is_that_of_torch():
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(()))], lr=1.0)
    torchs = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=50)
    own = rates(schedules.cosine(warmup=0.0), 50).squeeze(-1)
    for step in range(50):
        assert optimizer.param_groups[0]["lr"] == pytest.approx(
            own[step].item(), abs=1e-6
        )
        optimizer.step()
        torchs.step()


def test_one_cycle_is_near_that_of_torch():
    """Torch counts from the first step to the last one, so the two differ by one step."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(()))], lr=1.0)
    torchs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 1.0, total_steps=1000, pct_start=0.3, cycle_momentum=False
    )
    own = rates(schedules.one_cycle(peak=0.3), 1000).squeeze(-1)
    for step in range(999):
        assert optimizer.param_groups[0]["lr"] == pytest.approx(
            own[step].item(), abs=0.01
        )
        optimizer.step()
        torchs.step()


def test_each_group_keeps_its_share_of_the_rate():
    found = rates(schedules.cosine(), 30, lr=(0.01, 0.1))
    torch.testing.assert_close(found[:, 1], 10 * found[:, 0])


@pytest.mark.parametrize("make", [schedules.cosine, schedules.one_cycle])
@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_share_of_the_steps_is_from_0_to_below_1(make, share):
    with pytest.raises(
        ValueError, match="must be a share of the steps, from 0 to below 1"
    ):
        make(share)
