"""Properties of every sampler: traced runs equal plain ones, seeds, statistics of a run."""

import dataclasses
from contextlib import nullcontext

import cases
import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import zoo
from zoo import likelihoods, networks, priors
from zoo.data import full
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.sampler import Sampler

PRIOR = priors.WeightPrior(dist.Normal(0.0, 1.0))
X, Y = torch.randn(12, 2), torch.randn(12, 1)


def build(network=None, prior=PRIOR, likelihood=None):
    torch.manual_seed(0)
    network = network or networks.MLP(2, 1, hidden=[3])
    return zoo.BayesianNetwork(
        network, prior, likelihood or likelihoods.Gaussian(dist.HalfNormal(1.0))
    )


@pytest.mark.parametrize("engine", cases.first(cases.SAMPLERS, cases.KINDS))
def test_draws_depend_on_the_seed_alone(engine):
    model, draws = build(), []
    for seed in (1, 1, 2):
        pyro.set_rng_seed(seed)
        draws.append(cases.ENGINES[engine](model).fit((X, Y)).draws["layer1.weight"])
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


@pytest.mark.parametrize("engine", cases.first(cases.SAMPLERS, cases.KINDS))
def test_plain_and_traced_chains_are_equal_to_the_bit(engine):
    model, chains = build(), []
    for program in ("traced", "plain"):
        pyro.set_rng_seed(4)
        posterior = dataclasses.replace(
            cases.ENGINES[engine](model), compile=program
        ).fit((X, Y))
        assert posterior.info.compiled == program
        chains.append(posterior.draws)
    for name, value in chains[0].items():
        assert torch.equal(value, chains[1][name]), name


def test_a_model_that_cannot_be_traced_runs_plainly_with_a_warning():
    class Asking(networks.MLP):
        def forward(self, x):
            out = super().forward(x)
            return out if bool(x.sum() > 0) else -out

    model, chains = build(Asking(2, 1, hidden=[3])), []
    for compile in ("plain", "traced"):
        pyro.set_rng_seed(4)
        with (
            pytest.warns(UserWarning, match="could not be traced")
            if compile == "traced"
            else nullcontext()
        ):
            posterior = dataclasses.replace(
                cases.ENGINES["HMC"](model), compile=compile
            ).fit((X, Y))
        assert posterior.info.compiled == "plain"
        chains.append(posterior.draws["layer1.weight"])
    assert torch.equal(*chains)


@pytest.mark.parametrize("engine", cases.first(cases.SAMPLERS, cases.KINDS))
def test_the_statistics_of_a_run(engine):
    engine = dataclasses.replace(
        cases.ENGINES[engine](build()), warmup_steps=20, num_samples=10
    )
    posterior = engine.fit((X, Y))
    info, chains = posterior.info, engine.num_chains
    for name in ("acceptance_rate", "diverging", "n_steps", "lp"):
        assert getattr(info, name).shape == (chains, 10), name
    assert ((info.acceptance_rate >= -1e-5) & (info.acceptance_rate <= 1 + 1e-5)).all()
    assert info.diverging.dtype == torch.bool
    assert (info.n_steps >= 1).all()
    assert info.step_size.shape == (chains,)
    assert (info.step_size > 0).all()
    assert info.num_gradients >= info.n_steps.sum()
    assert 0 < info.seconds_warmup < info.seconds
    assert 0 < info.seconds_tracing < info.seconds
    assert (info.stopped, info.thinning) == ("", 1)
    energy = Potential(posterior.model, X, Y)
    values = {name: value[:, -1] for name, value in posterior.draws.items()}
    torch.testing.assert_close(-energy.gradient(energy.pack(values))[1], info.lp[:, -1])
    assert repr(engine) == f"{type(engine).__name__}({chains} chains, 20 + 10 draws)"
    assert f"{chains} chains of 10 draws" in repr(posterior)


def test_thinning_is_even_over_all_chains():
    posterior = cases.ENGINES["HMC"](build()).fit((X, Y))
    whole = posterior.sample()["layer1.weight"]
    assert torch.equal(whole, posterior.draws["layer1.weight"].flatten(0, 1))
    assert torch.equal(posterior.sample(2)["layer1.weight"], whole[[0, 5]])
    assert torch.equal(posterior.sample(1)["layer1.weight"], whole[[0]])


def test_a_loader_gives_all_its_data():
    x, y = full(build(), DataLoader(TensorDataset(X, Y), 5))
    assert torch.equal(x, X)
    assert torch.equal(y, Y)


def test_batch_normalisation_uses_its_running_statistics_with_a_warning():
    network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    network[1].running_mean.fill_(0.5)
    model = build(network)
    with pytest.warns(
        UserWarning,
        match="batch normalisation; a sampler uses its running statistics and does not",
    ):
        posterior = cases.ENGINES["HMC"](model).fit((X, Y))
    assert torch.equal(posterior.state["1.running_mean"], torch.full((3,), 0.5))
    assert network.training


def test_dropout_layers_are_off_under_a_sampler():
    network = nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.5), nn.Linear(3, 1))
    energy = Potential(build(network), X, Y)
    q = torch.randn(1, energy.size)
    with energy.program.running():
        assert torch.equal(energy.gradient(q)[1], energy.gradient(q)[1])
    assert network.training


def test_without_a_compiler_the_graph_runs_uncompiled_with_a_warning(monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("no C++ compiler\nmore")

    import torch._inductor

    monkeypatch.setattr(torch._inductor, "compile", fail)
    monkeypatch.setattr(Sampler, "calls", 10**9)  # so that compiling pays
    engine = dataclasses.replace(cases.ENGINES["HMC"](build()), num_samples=20)
    with pytest.warns(
        UserWarning,
        match="without a compiler, several times slower: no C\\+\\+ compiler$",
    ):
        assert (
            dataclasses.replace(engine, compile="auto").fit((X, Y)).info.compiled
            == "traced"
        )
    with pytest.raises(RuntimeError, match="no C"):
        dataclasses.replace(engine, compile=True).fit((X, Y))


def test_the_number_of_threads_is_restored():
    before = torch.get_num_threads()
    cases.ENGINES["HMC"](build()).fit((X, Y))
    assert torch.get_num_threads() == before
