"""Parallel tempering: exact moments, evidence and weights of modes, and wrong swaps rejected."""

import dataclasses
import math
import re

import cases
import exact
import pyro
import pyro.distributions as dist
import pytest
import torch
from monte_carlo import LIMIT, off, off_chains, one_thread  # noqa: F401

from zoo import inference, priors
from zoo.diagnostics.run_faults import run_faults
from zoo.inference.mcmc.adaptation.powers import equal_rejections, first_powers
from zoo.inference.mcmc.kernels import replicas
from zoo.inference.mcmc.kernels.swaps import SwapRecord, Swaps, propose_swaps
from zoo.posterior.posterior import Posterior

WEIGHT, MODE, WIDTH, PRIOR_SCALE = 0.7, 4.0, 0.3, 5.0

pytestmark = pytest.mark.filterwarnings("ignore:ParallelTempering")  # of short runs


def two_modes():
    """Two normal modes far apart, at (4, 4) with weight 0.7 and at (-4, -4) with weight 0.3."""
    z = pyro.sample("z", dist.Normal(torch.zeros(2), PRIOR_SCALE).to_event(1))
    weights = dist.Categorical(torch.tensor([WEIGHT, 1 - WEIGHT]))
    places = torch.stack([z - MODE, z + MODE])
    modes = dist.Normal(places, WIDTH).to_event(1)
    pyro.sample("y", dist.MixtureSameFamily(weights, modes), obs=torch.zeros(2))


def sampler(model, kind=inference.ParallelTempering, **options):
    settings = {"num_chains": 24, "warmup_steps": 60, "num_samples": 120}
    if kind is inference.ParallelTempering:
        settings |= {"num_temperatures": 4, "num_steps": 2}

    return kind(model, **{**settings, "compile": False, "progress": False, **options})


def regression_error(**options):
    """Return the largest error of moments and evidence of linear regression."""
    model, (x, y) = cases.linear_regression()
    pyro.set_rng_seed(0)
    posterior = sampler(model, **options).fit((x, y))
    known = exact.linear_posterior(exact.features(x), y.double(), 0.5, torch.ones(3))

    draws = posterior.draws["w"].double()
    away = draws - known.mean
    squares = away[..., :, None] * away[..., None, :]
    return max(
        off_chains(draws, known.mean),
        off_chains(squares, known.covariance),
        off(posterior.info.log_evidences, known.log_evidence),
    )


@pytest.mark.parametrize(
    "num_steps", [2, pytest.param(None, marks=pytest.mark.full)], ids=["HMC", "NUTS"]
)
def test_moments_and_evidence_of_linear_regression_are_exact(num_steps):
    num_samples = 120 if num_steps else 60
    assert regression_error(num_steps=num_steps, num_samples=num_samples) < LIMIT


def without_accepting(changes, powers, parity):
    """Swap every pair that is proposed."""
    return propose_swaps(torch.zeros_like(changes), powers, parity)


def with_another_sign(changes, powers, parity):
    """Swap the likelier position towards the prior."""
    return propose_swaps(-changes, powers, parity)


WRONG = [pytest.param(without_accepting, marks=pytest.mark.full), with_another_sign]


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_swaps_are_rejected(wrong, monkeypatch):
    monkeypatch.setattr(replicas, "propose_swaps", wrong)
    assert regression_error() > LIMIT


def share_of_one_mode(kind, **options):
    """Return the share of draws near (4, 4) of each chain, and the posterior."""
    pyro.set_rng_seed(0)
    posterior = sampler(two_modes, kind, init="prior", **options).fit(())
    z = posterior.draws["z"].double()
    return (z.mean(-1) > 0).double(), posterior


@pytest.fixture(scope="module")
def tempered():
    """Sample two modes with four powers; the log joint density mixes slowly, as modes do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "zoo.inference.mcmc.running.results.warn_of_faults", lambda *run: None
        )
        long = {"num_chains": 16, "warmup_steps": 100, "num_samples": 500}
        return share_of_one_mode(inference.ParallelTempering, **long)


def test_modes_have_their_weights_where_chains_of_nuts_stay_in_one(tempered):
    share, _ = tempered
    assert off_chains(share, torch.tensor(WEIGHT).double()) < LIMIT
    assert off(share.mean(1), WEIGHT) < LIMIT
    assert off(share.mean(1), 1 - WEIGHT) > LIMIT  # the modes exchanged

    many = {"num_chains": 16, "warmup_steps": 100, "num_samples": 200}
    with pytest.warns(UserWarning, match="chains are in different regions"):
        alone, _ = share_of_one_mode(inference.NUTS, **many)
    assert set(alone.mean(1).tolist()) == {0.0, 1.0}  # no chain leaves its mode


def test_each_mode_has_its_moments(tempered):
    share, posterior = tempered
    shrinkage = PRIOR_SCALE**2 / (PRIOR_SCALE**2 + WIDTH**2)
    z = posterior.draws["z"].double()
    centre = torch.where(share[..., None] > 0, MODE, -MODE) * shrinkage
    variance = torch.tensor(WIDTH**2 * shrinkage).double()
    assert off_chains(z - centre, torch.zeros(())) < LIMIT
    assert off_chains((z - centre).square(), variance) < LIMIT


def test_evidence_of_two_modes_is_exact(tempered):
    info = tempered[1].info
    scale = math.hypot(PRIOR_SCALE, WIDTH)
    known = 2 * float(dist.Normal(MODE, scale).log_prob(torch.tensor(0.0)))
    assert off(info.log_evidences, known) < LIMIT
    assert abs(info.log_evidence - known) < LIMIT * info.log_evidence_error
    assert info.log_evidence_error < 0.2


def test_rejections_are_equal_and_positions_go_around(tempered):
    info = tempered[1].info
    rates = info.rejection_rates.mean(0)
    assert float(rates.max() - rates.min()) < 0.2
    assert info.powers[:, 0].eq(0).all()
    assert info.powers[:, -1].eq(1).all()
    assert bool((info.powers.diff(dim=1) > 0).all())

    best = 500 / (2 + 2 * info.barrier)
    trips = float(info.round_trips.double().mean())
    assert 0.2 * best < trips < 1.1 * best
    assert "round_trips" in repr(info)


def test_too_few_round_trips_are_a_fault_with_a_remedy(tempered):
    info = dataclasses.replace(tempered[1].info)
    assert run_faults(info) == []
    info.round_trips = torch.zeros(16, dtype=torch.long)
    (fault,) = run_faults(info)
    assert re.match(
        r"0 round trips .* in 16 chains.* num_temperatures=5, or run", fault
    )


def test_temperatures_of_the_posterior_are_those_of_the_last_power():
    model, (x, y) = cases.linear_regression()
    known = exact.linear_posterior(exact.features(x), y.double(), 0.5, torch.ones(3))
    draws = (
        sampler(model, temperature=2.0, num_samples=150).fit((x, y)).draws["w"].double()
    )
    squares = (draws - known.mean).square()
    assert off_chains(squares, 2 * known.covariance.diagonal()) < LIMIT
    assert off_chains(squares, known.covariance.diagonal()) > LIMIT


def test_neighbours_swap_in_turn_by_their_difference():
    powers = torch.tensor([0.0, 0.1, 0.5, 1.0])
    changes = torch.tensor([[5.0, 3.0, 4.0, 1.0]]).expand(40000, -1)
    for parity, pairs in ((0, [0, 2]), (1, [1])):
        swaps = propose_swaps(changes, powers, torch.tensor(parity))
        expected = 1 - torch.tensor([-0.2, 0.4, -1.5]).exp().clamp(max=1.0)
        torch.testing.assert_close(swaps.rejection[0], expected)
        assert torch.equal(swaps.order.sort(1).values[0], torch.arange(4))

        swapped = (swaps.order[:, :-1] > torch.arange(3)).double()
        assert swapped[:, [i for i in range(3) if i not in pairs]].sum() == 0
        for pair in pairs:
            assert off(swapped[:, pair], 1 - expected[pair]) < LIMIT

    infinite = torch.tensor([[torch.inf, 3.0, 4.0, 1.0]])
    swaps = propose_swaps(infinite, powers, torch.tensor(0))
    assert (int(swaps.order[0, 0]), float(swaps.rejection[0, 0])) == (0, 1.0)


def test_round_trips_of_swaps_that_are_never_rejected():
    changes, powers = torch.zeros(1, 4), torch.linspace(0, 1, 4)
    record = SwapRecord.empty(changes)
    for _ in range(80):
        swaps = propose_swaps(changes, powers, record.parity)
        record = record.updated(swaps, changes, powers)

    # each of four positions goes around in eight draws, the first time from somewhere between
    assert 4 * (80 // 8 - 2) < int(record.round_trips) <= 4 * 80 // 8
    assert record.rejections().sum() == 0
    assert record.log_evidences().abs().max() < 1e-12


def test_a_position_that_stays_makes_no_round_trip():
    changes, powers = torch.zeros(1, 3), torch.linspace(0, 1, 3)
    still = Swaps(torch.arange(3)[None], torch.ones(1, 2))
    record = SwapRecord.empty(changes).updated(still, changes, powers)
    assert int(record.updated(still, changes, powers).round_trips) == 0


def test_powers_have_equal_shares_of_the_barrier():
    powers = torch.tensor([0.0, 1e-4, 1e-3, 1e-1, 1.0])
    rejections = torch.tensor(
        [0.0, 0.2, 0.4, 0.2]
    )  # log powers over 11.5, but the first
    spaced = equal_rejections(powers, rejections)
    expected = 10 ** torch.tensor([-3.0, -2.0, -1.0, 0.0], dtype=torch.float64)
    assert float(spaced.powers[0]) == 0.0
    torch.testing.assert_close(
        spaced.powers[2:].log(), expected[1:].log(), atol=0.02, rtol=0
    )
    assert spaced.nearest.tolist()[-1] == 4
    assert bool((spaced.powers.diff() > 0).all())

    same = equal_rejections(spaced.powers, torch.full((4,), 0.3))
    torch.testing.assert_close(same.powers, spaced.powers)


def test_first_powers_begin_where_the_likelihood_hardly_matters():
    changes = torch.tensor([0.0, 100.0, 200.0, 300.0, torch.inf])
    powers = first_powers(changes, 4)
    expected = torch.tensor([0.0, 1e-2, 1e-1, 1.0], dtype=torch.float64)
    torch.testing.assert_close(powers, expected)
    assert first_powers(changes, 2).tolist() == [0.0, 1.0]
    assert first_powers(torch.zeros(5), 3).tolist() == [0.0, 0.5, 1.0]


def test_statistics_are_of_chains_when_posteriors_are_put_together(tmp_path):
    model = cases.model("MLP", "WeightPrior", "Gaussian(HalfNormal)")
    engine = cases.ENGINES["ParallelTempering"](model)
    posterior = engine.fit(cases.data("MLP", "Gaussian(HalfNormal)"))
    for dim, chains in (("chain", 4), ("draw", 2)):
        info = Posterior.concat([posterior, posterior], dim).info
        assert info.powers.shape == (chains, 3)
        assert info.rejection_rates.shape == (chains, 2)
        assert info.round_trips.shape == info.log_evidences.shape == (chains,)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"num_temperatures": 1},
            "num_temperatures must be a number of powers, at least 2",
        ),
        ({"num_steps": 0}, "num_steps must be a number of leapfrog steps, at least 1"),
        ({"jitter": 2.0}, "jitter must be a fraction between 0 and 1, not 2.0"),
        ({"shared_mass": True}, "shared_mass must be False, not True"),
    ],
)
def test_arguments_out_of_range_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        sampler(two_modes, **options)


def test_an_improper_prior_is_refused():
    model = cases.model("MLP", "LogUniform", "Gaussian")
    engine = cases.ENGINES["ParallelTempering"](model)
    assert isinstance(model.prior, priors.WeightPrior)
    with pytest.raises(
        ValueError, match="ParallelTempering begins at draws of the prior"
    ):
        engine.fit(cases.data("MLP", "Gaussian"))
