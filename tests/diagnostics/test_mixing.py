"""R-hat and ESS of one quantity: those of ArviZ."""

import pytest
import torch

from zoo.diagnostics.mixing import bulk_ess, rank_rhat
from zoo.posterior.labelled import ess, rhat

CHAINS = {
    "independent": lambda z: z,
    "one chain elsewhere": lambda z: z + torch.tensor([1.0, 0.0, 0.0, 0.0])[:, None],
    "one chain wider": lambda z: z * torch.tensor([3.0, 1.0, 1.0, 1.0])[:, None],
    "heavy tails": lambda z: z / torch.randn_like(z),
    "random walks": lambda z: z.cumsum(1),
    "ties": lambda z: z.round(),
}


@pytest.mark.parametrize("make", CHAINS.values(), ids=CHAINS)
@pytest.mark.parametrize("num_draws", [400, 401])
def test_rhat_is_that_of_arviz(make, num_draws):
    values = make(torch.randn(4, num_draws))
    expected = rhat(values.double().numpy()[..., None])
    assert rank_rhat(values) == pytest.approx(float(expected[0]), rel=2e-3)


def test_unequal_scales_are_seen_which_plain_rhat_does_not_see():
    values = CHAINS["one chain wider"](torch.randn(4, 400))
    assert rank_rhat(values) > 1.05


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.9])
def test_ess_is_that_of_arviz(memory):
    noise = torch.randn(4, 1000)
    values = [noise[:, 0]]
    for step in noise.unbind(1)[1:]:
        values.append(memory * values[-1] + (1 - memory**2) ** 0.5 * step)

    draws = torch.stack(values, 1)
    expected = ess(draws.double().numpy()[..., None])
    assert bulk_ess(draws) == pytest.approx(float(expected[0]), rel=0.15)
