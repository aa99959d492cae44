"""The statistics of each draw: trees, steps and energies, thinned, resumed, stored, in ArviZ."""

import dataclasses

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from monte_carlo import one_thread  # noqa: F401

import zoo
from zoo import inference, likelihoods, networks, priors
from zoo.inference.mcmc.running.energies import Energies
from zoo.posterior.labelled import load_arviz

SCALES = torch.logspace(-2, 0, 4)
DRAWS = {"warmup_steps": 5, "num_samples": 60, "progress": False, "compile": False}


class Killed(BaseException):
    """Ends a run as a killed process would: nothing catches it."""


def stretched():
    """Four normal parameters of very different scales."""
    pyro.sample("z", dist.Normal(torch.zeros(4), SCALES).to_event(1))


def sampler(kind=inference.NUTS, **options):
    return kind(stretched, num_chains=2, **(DRAWS | options))


def fit(kind=inference.NUTS, **options):
    """Sample the stretched normal; warnings are the subject of another file."""
    pyro.set_rng_seed(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "zoo.inference.mcmc.running.results.warn_of_faults", lambda *run: None
        )
        return sampler(kind, **options).fit(())


@pytest.fixture(scope="module")
def shallow():
    """Trees that mostly need more doublings than they may have."""
    return fit(max_tree_depth=3).info


def test_the_depth_of_a_tree_counts_its_doublings(shallow):
    depth, num_steps = shallow.tree_depth, shallow.n_steps
    assert depth.shape == num_steps.shape == (2, 60)
    assert depth.dtype == torch.long
    assert depth.unique().tolist()[-1] == shallow.max_tree_depth == 3
    # all doublings have their leaves; one that failed may have more
    assert (num_steps >= 2**depth - 1).all()
    assert (num_steps < 2 ** (depth + 1)).all()


def test_a_tree_at_the_largest_depth_is_marked(shallow):
    reached = shallow.reached_max_tree_depth
    assert reached.dtype == torch.bool
    assert reached.float().mean() > 0.5
    assert torch.equal(reached, shallow.tree_depth == 3)
    assert (shallow.n_steps[reached] == 7).all()


@pytest.mark.full
def test_trees_that_may_grow_reach_no_limit():
    info = fit(max_tree_depth=9, num_samples=10).info
    assert not info.reached_max_tree_depth.any()
    assert (info.tree_depth > 3).any()


@pytest.mark.parametrize(
    ("kind", "target", "energies"),
    [
        (inference.HMC, 0.8, True),
        (inference.ChEES, 0.651, True),
        (inference.MCLMC, None, False),
        (inference.MAMS, 0.9, False),
    ],
)
def test_other_samplers_have_no_trees(kind, target, energies):
    options = {"num_steps": 3, "num_samples": 6}
    info = fit(kind, **options).info
    assert info.tree_depth is info.reached_max_tree_depth is info.max_tree_depth is None
    assert info.target_accept_prob == target
    assert (info.energy is not None) == (info.bfmi is not None) == energies


# Energies


def test_bfmi_is_that_of_arviz_over_all_blocks():
    energy = 1e4 + torch.randn(3, 300).cumsum(1)
    energies = Energies()
    for part in energy.split(77, 1):
        energies.add(part)

    arviz = load_arviz()
    expected = arviz.bfmi(arviz.convert_to_dataset({"energy": energy.double().numpy()}))
    if not isinstance(expected, np.ndarray):  # a data set, from ArviZ 1 on
        expected = expected["energy"].values
    np.testing.assert_allclose(energies.bfmi().numpy(), expected, rtol=1e-3)
    assert (energies.bfmi() < 0.3).all()


def test_without_two_energies_there_is_no_bfmi():
    energies = Energies()
    assert energies.bfmi() is None
    energies.add(torch.randn(3, 1))
    energies.add(None)
    assert energies.bfmi() is None


def test_thinning_thins_statistics_and_not_the_bfmi():
    options = {"max_tree_depth": 3}
    every = fit(**options)
    some = fit(**options, thinning=3)
    few = fit(**options, max_draws=20)
    for name in ("tree_depth", "n_steps", "energy", "lp", "reached_max_tree_depth"):
        whole = getattr(every.info, name)
        assert torch.equal(getattr(some.info, name), whole[:, ::3])
        assert torch.equal(getattr(few.info, name), whole[:, ::4])

    assert torch.equal(every.info.bfmi, some.info.bfmi)
    assert torch.equal(every.info.bfmi, few.info.bfmi)


@pytest.mark.full
def test_a_resumed_run_has_the_statistics_of_an_uninterrupted_one(
    tmp_path, monkeypatch
):
    options = {"num_samples": 120, "max_tree_depth": 3}
    whole = fit(**options).info
    path = tmp_path / "run"

    def advance(self, stop, original=inference.mcmc.chain_engine.ChainRun.advance):
        original(self, stop)
        if stop == 105:
            raise Killed

    monkeypatch.setattr(inference.mcmc.chain_engine.ChainRun, "advance", advance)
    with pytest.raises(Killed):
        fit(**options, checkpoint=path)
    monkeypatch.undo()
    resumed = fit(**options, checkpoint=path).info
    for name in ("tree_depth", "reached_max_tree_depth", "energy", "bfmi"):
        assert torch.equal(getattr(resumed, name), getattr(whole, name)), name


# Files and ArviZ


@pytest.fixture(scope="module")
def network_posterior():
    model = zoo.BayesianNetwork(
        networks.MLP(2, 1, hidden=[3]),
        priors.WeightPrior(dist.Normal(0.0, 1.0)),
        likelihoods.Gaussian(0.3),
    )
    torch.manual_seed(0)
    options = {"num_chains": 2, "warmup_steps": 5, "num_samples": 12, "max_draws": 6}
    engine = inference.NUTS(model, **options, progress=False, compile=False)
    return engine.fit((torch.randn(12, 2), torch.randn(12, 1)))


def test_arviz_has_every_statistic_by_its_own_name(network_posterior):
    stats = network_posterior.to_arviz()["sample_stats"]
    names = {"tree_depth", "reached_max_tree_depth", "n_steps", "energy", "lp"}
    names |= {"diverging", "acceptance_rate", "step_size"}
    assert set(stats.data_vars) == names
    for name in names:
        assert stats[name].shape == (2, 6), name
        assert stats[name].dims == ("chain", "draw"), name

    assert stats["reached_max_tree_depth"].dtype == stats["diverging"].dtype == bool
    assert stats["tree_depth"].dtype.kind == "i"
    step_size = network_posterior.info.step_size.numpy()
    np.testing.assert_array_equal(stats["step_size"].values[:, 3], step_size)


def test_a_file_keeps_every_statistic(network_posterior, tmp_path):
    network_posterior.save(tmp_path / "posterior")
    again = zoo.load(tmp_path / "posterior", network_posterior.model).info
    for field in dataclasses.fields(again):
        before = getattr(network_posterior.info, field.name)
        after = getattr(again, field.name)
        same = torch.equal if isinstance(before, torch.Tensor) else lambda a, b: a == b
        assert same(before, after), field.name
