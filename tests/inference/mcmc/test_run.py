"""A run: its blocks of draws, the description of divergences, and the progress bar."""

import dataclasses

import cases
import pyro
import pyro.distributions as dist
import pytest
import torch

import zoo
from zoo import inference, likelihoods, networks, priors
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.kernels.draws import DrawBlock, TransitionInfo
from zoo.inference.mcmc.running.blocks import block_ends
from zoo.inference.mcmc.running.divergences import Divergences

X, Y = torch.randn(12, 2), torch.randn(12, 1)


def build():
    torch.manual_seed(0)
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    return zoo.BayesianNetwork(
        networks.MLP(2, 1, hidden=[3]),
        prior,
        likelihoods.Gaussian(dist.HalfNormal(1.0)),
    )


def funnel():
    """Neal's funnel: steps that fit the wide part diverge in the narrow part, at small v."""
    v = pyro.sample("v", dist.Normal(0.0, 3.0))
    pyro.sample("x", dist.Normal(0.0, (v / 2).exp()).expand([6]).to_event(1))
    pyro.sample("elsewhere", dist.Normal(0.0, 1.0))


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        (
            [0, 75, 100, 350, 400, 900],
            [75, 100, 200, 300, 350, 400, 500, 600, 700, 800, 900],
        ),
        ([0, 3, 6], [3, 6]),
        ([0, 0, 150], [100, 150]),
        ([0, 100, 300], [100, 200, 300]),
    ],
)
def test_blocks_end_with_windows_and_have_a_maximum_length(bounds, expected):
    assert block_ends(bounds, 100) == expected


# Divergences


def test_a_run_says_at_which_site_it_diverged(monkeypatch):
    wide = lambda self, step_size: torch.full_like(step_size, 0.4)  # noqa: E731
    monkeypatch.setattr(inference.mcmc.hmc.FixedLength, "reasonable_step_size", wide)
    options = {
        "num_chains": 20,
        "warmup_steps": 0,
        "num_samples": 50,
        "num_steps": 15,
        "init": "prior",
    }
    engine = inference.HMC(funnel, **options, compile=False, progress=False)
    with pytest.warns(UserWarning, match="at site 'v'.*raise target_accept_prob"):
        info = engine.fit(()).info

    assert info.divergences.startswith(
        f"{int(info.diverging.sum())} of 1000 draws diverged; they differ most from the others"
    )
    assert (
        "at site 'v': mean -" in info.divergences
    )  # in the narrow part, where x is centred as elsewhere


@pytest.fixture
def divergences():
    return Divergences(Potential(funnel))


def block(q, diverging):
    diverging = diverging.reshape(2, -1)
    zeros = torch.zeros(diverging.shape)
    return DrawBlock(
        q.reshape(2, -1, 8), TransitionInfo(zeros, diverging, zeros.long(), zeros)
    )


def test_the_site_where_divergences_differ_is_named_over_all_blocks(divergences):
    q, diverging = torch.randn(400, 8), torch.arange(400) % 20 == 0
    q[diverging, 7] += 3.0
    for part in range(4):
        divergences.add(
            block(
                q[100 * part : 100 * part + 100],
                diverging[100 * part : 100 * part + 100],
            )
        )
    assert str(divergences).startswith(
        "20 of 400 draws diverged; they differ most from the others at site 'elsewhere': mean "
    )
    values = [
        float(word)
        for word in str(divergences).replace(",", "").split()
        if word.lstrip("-")[:1].isdigit()
    ]
    assert values[2] == pytest.approx(float(q[diverging, 7].mean()), abs=0.01)
    assert values[3] == pytest.approx(float(q[~diverging, 7].mean()), abs=0.01)


def test_divergences_that_do_not_differ_are_only_counted(divergences):
    divergences.add(block(torch.randn(400, 8), torch.arange(400) % 20 == 0))
    assert str(divergences) == "20 of 400 draws diverged, at no site in particular"


def test_repeated_divergences_at_one_position_count_once(divergences):
    q = torch.randn(400, 8)
    q[-100:] = q[-100] + 1.0  # does not move, and differs at all sites
    divergences.add(block(q, torch.arange(400) >= 300))
    assert str(divergences) == "100 of 400 draws diverged, at no site in particular"


def test_without_divergences_the_text_is_empty(divergences):
    assert str(divergences) == ""
    divergences.add(block(torch.randn(400, 8), torch.zeros(400, dtype=torch.bool)))
    assert str(divergences) == ""
    assert not divergences.all


def test_a_run_whose_draws_all_diverged_warns(monkeypatch):
    huge = lambda self, step_size: torch.full_like(step_size, 1e6)  # noqa: E731
    monkeypatch.setattr(inference.mcmc.hmc.FixedLength, "reasonable_step_size", huge)
    engine = dataclasses.replace(cases.ENGINES["HMC"](build()), warmup_steps=0)
    with pytest.warns(
        UserWarning,
        match="6 of 6 draws diverged: the step size is too large.*; the draws are not from the p",
    ):
        posterior = engine.fit((X, Y))
    assert posterior.info.diverging.all()


# The progress bar


def test_the_progress_bar_names_each_phase(capsys):
    engine = inference.HMC(
        build(), num_chains=2, warmup_steps=3, num_samples=3, num_steps=2
    )
    pyro.set_rng_seed(0)
    said = []
    original = inference.mcmc.chain_engine.bar

    def bar(*args):
        shown = original(*args)
        monkeypatched = shown.set_postfix_str
        shown.set_postfix_str = lambda text, refresh=True: (
            said.append(text),
            monkeypatched(text, refresh),
        )
        return shown

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zoo.inference.mcmc.chain_engine.bar", bar)
        patch.setattr("zoo.inference.mcmc.running.initialisation.DESCENT", 5)
        engine.fit((X, Y))
    phases = list(dict.fromkeys(said))
    assert phases == [
        "checking the model",
        "optimising initial positions",
        "tracing the sampler",
        "warm-up, leapfrog steps 2",
        "sampling, leapfrog steps 2",
    ]
    shown = capsys.readouterr().err
    assert "HMC(2 chains, 3 + 3 draws): 6/6" in shown
    for text in phases[:3]:
        assert text in shown


def test_without_a_progress_bar_nothing_is_printed(capsys):
    cases.ENGINES["HMC"](build()).fit((X, Y))
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("name", cases.first(cases.SAMPLERS, cases.KINDS))
def test_the_progress_bar_advances_with_every_draw(name):
    engine = cases.ENGINES[name](build())
    updates = []
    original = inference.mcmc.chain_engine.bar

    def bar(*args):
        shown = original(*args)
        shown.update = updates.append
        return shown

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zoo.inference.mcmc.chain_engine.bar", bar)
        engine.fit((X, Y))
    assert sum(updates) == 6
    assert name == "NUTS" or updates == [1] * 6  # chains of NUTS do not wait
