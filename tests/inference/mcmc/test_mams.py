"""MAMS: what its energy error must contain, lengths, step sizes after the last length."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from monte_carlo import LIMIT, off, one_thread  # noqa: F401

from zoo import inference
from zoo.inference.mcmc.kernels import adjusted_kernel, microcanonical
from zoo.inference.mcmc.kernels.microcanonical import turn

SHORT = {"init": "prior", "compile": False, "progress": False}


def standard(size=50):
    return lambda: pyro.sample("x", dist.Normal(torch.zeros(size), 1.0).to_event(1))


def variances(**options):
    """Return the mean variance of a standard normal, by chain, from large steps."""
    pyro.set_rng_seed(0)
    usual = {"num_chains": 128, "warmup_steps": 60, "num_samples": 40, "num_steps": 2}
    engine = inference.MAMS(
        standard(), **{**SHORT, **usual, "target_accept_prob": 0.7, **options}
    )
    return engine.fit(()).draws["x"].square().mean((1, 2)).double()


@pytest.mark.parametrize("refreshment", [None, 1.25, 0.3])
def test_large_steps_have_no_bias(refreshment):
    assert off(variances(refreshment=refreshment), 1.0) < LIMIT


def test_without_the_energy_of_the_turns_there_is_a_bias(monkeypatch):
    def without(velocity, gradient, time):
        turned, change = turn(velocity, gradient, time)
        return turned, torch.zeros_like(change)

    monkeypatch.setattr(microcanonical, "turn", without)
    assert off(variances(), 1.0) > LIMIT


@pytest.mark.filterwarnings("ignore:.*draws diverged")
def test_accepting_everything_has_a_bias(monkeypatch):
    monkeypatch.setattr(
        adjusted_kernel.torch, "rand_like", lambda like: torch.zeros_like(like)
    )
    assert off(variances(target_accept_prob=0.4), 1.0) > LIMIT


def test_lengths_are_uniform_up_to_twice_their_mean():
    pyro.set_rng_seed(0)
    engine = inference.MAMS(
        standard(5), num_chains=2, warmup_steps=0, num_samples=100, num_steps=5, **SHORT
    )
    steps = (engine.fit(()).info.n_steps[0] / 2).double()
    assert steps.unique().tolist() == list(range(1, 10))
    assert off(steps, 5.0) < LIMIT


@pytest.mark.full
def test_step_sizes_are_adapted_to_the_length_that_was_learned():
    scale = torch.logspace(0, 1, 10)
    torch.manual_seed(0)
    root = torch.linalg.qr(torch.randn(10, 10)).Q * scale

    def model():
        pyro.sample("x", dist.MultivariateNormal(torch.zeros(10), root @ root.T))

    pyro.set_rng_seed(1)
    engine = inference.MAMS(
        model, num_chains=4, warmup_steps=200, num_samples=60, **SHORT
    )
    info = engine.fit(()).info
    assert info.n_steps.double().mean() > 16
    assert float(info.acceptance_rate.mean()) > 0.85


def test_the_old_flag_is_answered():
    with pytest.raises(
        TypeError, match=r"no argument 'adjusted'; write inference.MAMS"
    ):
        inference.MCLMC(standard(), adjusted=True)


def test_a_refreshment_below_zero_is_refused():
    with pytest.raises(ValueError, match="refreshment must be a positive number of"):
        inference.MAMS(standard(), refreshment=-1.0)
