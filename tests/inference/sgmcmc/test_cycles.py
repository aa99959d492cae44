"""Cycles of the step size: all modes of a mixture of 25 normals, where SGLD finds one."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from monte_carlo import one_thread  # noqa: F401

from zoo import inference

pytestmark = pytest.mark.filterwarnings("ignore:SGLD.*(ESS|R-hat)")
CENTRES = torch.cartesian_prod(*[torch.tensor([-4.0, -2.0, 0.0, 2.0, 4.0])] * 2)
VARIANCE = 0.03


def mixture():
    """The target of Zhang et al. (2020), as a Pyro model without data."""
    parts = dist.Normal(CENTRES, VARIANCE**0.5).to_event(1)
    pyro.sample("z", dist.MixtureSameFamily(dist.Categorical(torch.ones(25)), parts))


def draws(**options):
    pyro.set_rng_seed(0)
    settings = {"num_chains": 8, "init": "prior", "compile": False, "progress": False}
    engine = inference.SGLD(mixture, num_epochs=1600, **settings | options)
    return engine.fit(()).draws["z"]


def num_modes(chain):
    """Return how many modes have a draw within three standard deviations."""
    distance, nearest = torch.cdist(chain, CENTRES).min(1)
    return len(nearest[distance < 3 * VARIANCE**0.5].unique())


@pytest.mark.full
def test_cycles_find_all_modes_where_a_constant_step_finds_one():
    constant = draws(lr=0.02)
    assert [num_modes(chain) for chain in constant] == [1] * 8

    cyclical = draws(lr=0.1, cycles=16, explore=0.25)
    assert min(num_modes(chain) for chain in cyclical) >= 10
    assert num_modes(cyclical.flatten(0, 1)) == 25

    last = cyclical[:, 74::75]  # of each cycle, where the step is small
    distance = torch.cdist(last.flatten(0, 1), CENTRES).min(1).values
    variance = float(distance.square().mean() / 2)
    assert variance == pytest.approx(VARIANCE, rel=0.5)
