"""Warnings after a run as Stan's: each fault has its sentence, and a good run has none."""

import dataclasses
import warnings

import pyro
import pyro.distributions as dist
import pytest
import torch
from monte_carlo import one_thread  # noqa: F401

from zoo import inference
from zoo.diagnostics.run_faults import density_faults, run_faults
from zoo.posterior.info import MCMCInfo


def good(num_chains=4, num_draws=100):
    """Return the statistics of a run without faults."""
    independent = torch.randn(num_chains, num_draws)
    return MCMCInfo(
        acceptance_rate=torch.full_like(independent, 0.8),
        diverging=torch.zeros_like(independent).bool(),
        n_steps=torch.full_like(independent, 7.0).long(),
        lp=independent,
        energy=independent,
        step_size=independent[:, 0].abs(),
        num_gradients=1,
        seconds_warmup=1.0,
        seconds=2.0,
        compiled="plain",
        tree_depth=torch.full_like(independent, 3.0).long(),
        reached_max_tree_depth=torch.zeros_like(independent).bool(),
        max_tree_depth=7,
        bfmi=torch.ones(num_chains),
        target_accept_prob=0.8,
    )


def said(info):
    return run_faults(info) + density_faults(info)


def marked(info, number):
    """Return a mask of the first draws of the first chain."""
    mask = torch.zeros_like(info.diverging)
    mask[0, :number] = True
    return mask


def test_a_good_run_has_no_faults():
    assert said(good()) == []
    assert said(good(num_draws=1)) == []
    assert said(good(num_draws=500)) == []


def test_a_divergence_is_said_with_its_number_and_a_remedy():
    info = good()
    [sentence] = said(dataclasses.replace(info, diverging=marked(info, 3)))
    assert sentence.startswith("3 of 400 draws diverged; raise target_accept_prob")
    assert "above 0.8" in sentence
    assert "centred=False" in sentence


def test_divergences_among_the_draws_that_thinning_drops_are_said():
    [sentence] = said(
        dataclasses.replace(good(), divergences="3 of 800 draws diverged")
    )
    assert sentence.startswith("3 of 800 draws diverged; raise")


def test_a_sampler_that_accepts_everything_has_another_remedy():
    info = dataclasses.replace(good(), target_accept_prob=None)
    [sentence] = said(dataclasses.replace(info, diverging=marked(info, 3)))
    assert "lower desired_energy_variance" in sentence
    assert "target_accept_prob" not in sentence


def test_draws_that_all_diverged_are_no_draws_of_the_posterior():
    info = good(num_draws=5)
    everywhere = torch.ones_like(info.diverging)
    [sentence] = said(dataclasses.replace(info, diverging=everywhere))
    assert sentence.endswith("the draws are not from the posterior")


def test_saturated_trees_are_said_as_a_share_with_the_depth():
    info = good()
    saturated = torch.arange(400).reshape(4, 100) % 80 != 0
    info = dataclasses.replace(info, reached_max_tree_depth=saturated)
    [sentence] = said(info)
    assert sentence.startswith("98.75% of the draws reached max_tree_depth=7")
    assert "127 leapfrog steps" in sentence
    assert "max_tree_depth=8 or more" in sentence


def test_a_few_saturated_trees_are_no_fault():
    info = good()
    few = dataclasses.replace(info, reached_max_tree_depth=marked(info, 19))
    assert said(few) == []


def test_a_low_bfmi_is_said_with_its_chains():
    low = torch.tensor([1.0, 0.12, 0.9, 0.29])
    [sentence] = said(dataclasses.replace(good(), bfmi=low))
    assert sentence.startswith("E-BFMI is 0.12 (below 0.3) in 2 of 4 chains (1, 3)")
    assert "centred=False" in sentence
    assert said(dataclasses.replace(good(), bfmi=torch.full((4,), 0.31))) == []


def test_a_chain_that_never_moved_is_said():
    info = good()
    info.lp[2] = 1.0
    info.acceptance_rate[2] = 0.0
    [sentence] = said(info)
    assert sentence.startswith("1 of 4 chains (2) never moved (acceptance rate 0)")


def test_short_runs_have_no_such_faults():
    info = good(num_draws=19)
    faulty = dataclasses.replace(
        info,
        diverging=marked(info, 5),
        reached_max_tree_depth=torch.ones_like(info.diverging),
        bfmi=torch.zeros(4),
        lp=torch.zeros_like(info.lp),
    )
    assert said(faulty) == []
    assert said(dataclasses.replace(good(num_draws=49), bfmi=torch.zeros(4))) == []


def test_chains_at_different_densities_are_said():
    info = good(num_draws=200)
    info.lp[0] += 2.0
    [sentence] = said(info)
    assert sentence.startswith("R-hat of the log joint density is 1.")
    assert "zoo.convergence" in sentence


def test_chains_that_hardly_move_are_said_if_they_are_long():
    slow = torch.randn(1, 50).repeat_interleave(10, 1)
    [sentence] = said(dataclasses.replace(good(1, 500), lp=slow))
    assert "of 1 x 500 draws (below 100 a chain)" in sentence
    assert said(dataclasses.replace(good(1, 300), lp=slow[:, :300])) == []


# Real runs


def normal():
    pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))


def correlated():
    covariance = torch.full((6, 6), 0.9999) + 1e-4 * torch.eye(6)
    pyro.sample("z", dist.MultivariateNormal(torch.zeros(6), covariance))


def funnel():
    v = pyro.sample("v", dist.Normal(0.0, 3.0))
    pyro.sample("x", dist.Normal(0.0, (v / 2).exp()).expand([9]).to_event(1))


def warnings_of(model, kind=inference.NUTS, **options):
    """Return the warnings of a run, and its statistics."""
    settings = {"progress": False, "compile": False, "init": "prior"}
    engine = kind(model, **(settings | options))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        info = engine.fit(()).info

    return [str(warning.message) for warning in caught], info


def chains(info, index):
    """Return the statistics of some of the chains."""
    names = [field.name for field in dataclasses.fields(info)]
    values = {name: getattr(info, name) for name in names}
    of_chains = {
        name: value[index]
        for name, value in values.items()
        if isinstance(value, torch.Tensor)
    }
    return dataclasses.replace(info, **of_chains)


@pytest.mark.full
def test_of_twenty_runs_on_a_normal_none_is_warned_of():
    """Twenty runs of 4 chains are one run of 80, whose chains do not depend on each other."""
    options = {"num_chains": 80, "warmup_steps": 60, "num_samples": 200}
    caught, info = warnings_of(normal, **options)
    assert caught == []
    for first in range(0, 80, 4):
        assert said(chains(info, slice(first, first + 4))) == []


def test_trees_that_are_too_small_for_a_correlated_normal_are_one_warning():
    options = {"num_chains": 2, "warmup_steps": 20, "num_samples": 60}
    [warning], info = warnings_of(correlated, **options, max_tree_depth=5)
    share = float(info.reached_max_tree_depth.double().mean())
    assert warning.startswith("NUTS(2 chains, 20 + 60 draws): ")
    assert f"{share:.2%} of the draws reached max_tree_depth=5" in warning


def test_a_funnel_is_one_warning_with_all_its_faults():
    options = {"num_chains": 16, "warmup_steps": 60, "num_samples": 80}
    [warning], info = warnings_of(funnel, inference.HMC, **options, num_steps=8)
    assert float(info.bfmi.min()) < 0.3
    assert "E-BFMI is 0." in warning
    assert ("draws diverged" in warning) == bool(info.divergences)
