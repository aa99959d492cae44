"""What a fit is: at its optimum, cold or not converged, on fits that are planted to be so."""

import math

import pyro
import pyro.distributions as dist
import pytest
import torch
from monte_carlo import one_thread  # noqa: F401

import guides
import zoo
from zoo import datasets, inference, likelihoods, networks, priors
from zoo.inference.fit_kind import Verdict, fit_kind, num_evaluations
from zoo.inference.natural_gradients import NUM_BLOCKS, NaturalGradients
from zoo.inference.tempering import Tempering

NUM_DATA = 1000


def gradients(make, number=40, size=2000):
    """Gradients with unit noise whose means are given."""
    found = NaturalGradients([size])
    for _ in range(number):
        found.add([make(size) + torch.randn(size)])

    return found


def test_noise_alone_gains_nothing():
    torch.manual_seed(0)
    values = [gradients(torch.zeros).gain_of_scales().value for _ in range(20)]
    naive = gradients(torch.zeros, number=NUM_BLOCKS)
    assert sorted(values)[-2] < 5  # of 20, one may exceed its noise
    mean = torch.stack(naive._blocks).mean(0)
    assert mean.square().sum() / 4 > 50  # what the squared mean says


def test_the_gain_of_means_and_of_small_scales_is_that_of_the_optimum():
    torch.manual_seed(0)
    of_means = gradients(lambda size: 0.5 * torch.randn(size, generator=seeded()))
    gain, error, _ = of_means.gain_of_means()
    truth = 2000 * 0.25 / 4
    assert abs(gain + 2 * error - truth) < 4 * error + 8  # 8 for the sample of means

    small = gradients(lambda size: torch.full((size,), 0.01 - 1.0))
    truth = 2000 * (0.01 - 1 - math.log(0.01)) / 2
    assert 0.8 * truth < small.gain_of_scales().value < 1.1 * truth
    quadratic = small.gain_of_means().value
    assert quadratic < 0.4 * truth  # what a parabola says


def seeded():
    return torch.Generator().manual_seed(1)


@pytest.fixture(scope="module")
def problem():
    """A linear model with as many data as its evidence needs to matter."""
    data = datasets.toy.linear(num_data=NUM_DATA, num_inputs=20, correlation=0.2)
    network = networks.MLP(20, 1, hidden=[])
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    model = zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(0.5))
    return model, (data.train.x.float(), data.train.y.float())


def fit(model, data, seed=0, init_scale=0.05, family=guides.LocalReparam, **options):
    pyro.set_rng_seed(seed)
    guide = family(model, init_scale=init_scale)
    options = {"num_steps": 400, "lr": 0.02, "progress": False} | options
    return inference.SVI(model, guide, **options).fit(data, batch_size=250)


def test_short_fits_cost_nothing_and_others_three_per_cent():
    assert num_evaluations(99) == 0
    assert num_evaluations(100) == NUM_BLOCKS
    assert num_evaluations(2000) == 60
    assert num_evaluations(10**6) == 200


def test_a_temperature_below_1_is_cold_and_one_above_is_nothing():
    for cold in (Tempering(whole=0.5), Tempering(likelihood=0.1)):
        assert fit_kind(cold, None, 100).kind == "cold"

    assert "0.1" in fit_kind(Tempering(likelihood=0.1), None, 100).reason
    assert fit_kind(Tempering(whole=2.0), None, 100).kind == ""
    assert fit_kind(Tempering(), None, 100) == ("", "", None, None)


def test_a_bound_that_is_not_known_is_no_optimum():
    found = Verdict("optimum", "refits gain little")
    assert found.with_bound(3.0, 0.1) == ("optimum", "refits gain little", 3.0, 0.1)
    for error in (3.0, math.inf, math.nan):
        noisy = found.with_bound(3.0, error)
        assert noisy.kind == ""
        assert "says nothing; the guide does not suit" in noisy.reason
    cold = Verdict("cold", "fitted at temperature 0.5")
    assert cold.with_bound(3.0, 3.0).kind == "cold"


PLANTED = {
    "optimum": {},
    "cold": {"likelihood_temperature": 0.2},
    "scales not converged": {"scale_lr": 1e-4, "init_scale": 0.001},
}


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_fit_is_what_it_is(problem, kind):
    info = fit(*problem, **PLANTED[kind]).info
    assert info.fit_kind == kind
    assert info.fit_reason
    assert kind in repr(info)


def means_at_the_mode(model, data, **options):
    """Return a guide whose means are those of a fit with small scales."""
    pyro.set_rng_seed(0)
    guide = guides.LocalReparam(model, **options)
    engine = inference.SVI(model, guide, num_steps=200, lr=0.02, progress=False)
    engine.fit(data)
    return guide


@pytest.mark.parametrize("how", ["scales_only", "frozen"])
def test_scales_alone_are_at_the_optimum_for_their_means(problem, how):
    model, data = problem
    guide = means_at_the_mode(model, data)
    options = {"num_steps": 300, "batch_size": 250}
    if how == "frozen":
        guide.freeze("loc.*")
    else:
        options["scales_only"] = True

    batch_size = options.pop("batch_size")
    engine = inference.SVI(model, guide, progress=False, **options)
    info = engine.fit(data, batch_size=batch_size).info
    assert info.fit_kind == "scales at optimum"
    assert "the means were not fitted" in info.fit_reason

    slow = guides.LocalReparam(model, init_scale=0.001)  # the same means, no time
    slow.loc.load_state_dict(guide.loc.state_dict())
    engine = inference.SVI(
        model, slow, progress=False, scale_lr=1e-4, scales_only=True, num_steps=300
    )
    assert engine.fit(data, batch_size=250).info.fit_kind == "scales not converged"


def small_scales(rest):
    with torch.no_grad():
        for rho in rest.rho.parameters():
            rho.fill_(-9.0)


def test_the_rest_of_a_last_layer_is_judged():
    torch.manual_seed(0)
    x = torch.randn(40, 2)
    network = networks.MLP(2, 1, hidden=[3])
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    model = zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(0.5))
    data = x, x[:, :1].sin() + 0.5 * torch.randn(40, 1)

    fits = {}
    for kind, rate in (("optimum", 0.1), ("scales not converged", 1e-5)):
        guide = guides.LastLayer(model)
        if kind != "optimum":
            small_scales(guide.rest)

        fits[kind] = fit_slowly(model, guide, data, rate)

    guide = guides.Resampled(model)
    small_scales(guide.candidates.rest)
    resampled = fit_slowly(model, guide, data, 1e-5)
    assert [info.fit_kind for info in fits.values()] == list(fits)
    assert resampled.fit_kind == "scales not converged"


def fit_slowly(model, guide, data, scale_lr):
    options = {"num_steps": 300, "scale_lr": scale_lr, "progress": False}
    return inference.SVI(model, guide, **options).fit(data).info


def test_a_last_layer_without_a_rest_is_at_its_optimum(problem):
    model, data = problem
    for family in (guides.LastLayer, guides.Resampled):
        engine = inference.SVI(model, family(model), num_steps=1, progress=False)
        info = engine.fit(data).info
        assert info.fit_kind == "optimum"
        assert "nothing is left to fit" in info.fit_reason
        assert math.isfinite(info.bound_nats)

    unknown = fit(*problem, num_steps=1)
    assert unknown.info.fit_kind == ""


def digits():
    """A network of ten classes."""
    data = datasets.digits(flatten=True)
    network = networks.MLP(64, 10, hidden=[50])
    prior = priors.WeightPrior(dist.Normal(0.0, 0.3))
    return zoo.BayesianNetwork(network, prior, likelihoods.Categorical()), data.train


FITS = {  # of digits
    "a long fit": ("optimum", {"num_epochs": 100}),
    "weights drawn": ("optimum", {"num_epochs": 100, "family": guides.MeanField}),
    "a cold likelihood": ("cold", {"num_epochs": 40, "likelihood_temperature": 0.1}),
    "a cold posterior": ("cold", {"num_epochs": 40, "temperature": 0.1}),
    "a short fit": ("scales not converged", {"num_epochs": 20}),
    "slow scales": (
        "scales not converged",
        {"num_epochs": 100, "scale_lr": 3e-4, "init_scale": 0.01},
    ),
    "large scales": (
        "scales not converged",
        {"num_epochs": 40, "scale_lr": 1e-4, "init_scale": 0.5},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FITS)
def test_of_20_seeds_at_least_19_are_what_they_were_planted_to_be(name):
    kind, options = FITS[name]
    model, data = digits()
    options = {"num_steps": None, "lr": 3e-3} | options
    kinds = [fit(model, data, seed=seed, **options).info.fit_kind for seed in range(20)]
    assert kinds.count(kind) >= 19, kinds


@pytest.mark.slow
@pytest.mark.parametrize("kind", PLANTED)
def test_of_20_linear_models_at_least_19_are_what_they_were_planted_to_be(
    problem, kind
):
    families = (guides.MeanField, guides.LocalReparam)
    for family in families:
        kinds = []
        for seed in range(20):
            info = fit(*problem, seed=seed, family=family, **PLANTED[kind]).info
            kinds.append(info.fit_kind)

        assert kinds.count(kind) >= 19, kinds
