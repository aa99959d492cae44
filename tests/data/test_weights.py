"""A weight for each datum and known quantities, against closed forms."""

import pandas as pd
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from torch import nn
from torch.utils.data import DataLoader

import guides
import zoo
from zoo import inference, likelihoods, priors
from zoo.data import Columns, batches
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.svi.elbo import elbo
from zoo.likelihoods.observed import Observed
from zoo.runtime.rows import take

RANDOM = torch.Generator().manual_seed(0)
X = torch.randn(12, 2, generator=RANDOM, dtype=torch.float64)
Y = torch.randn(12, 1, generator=RANDOM, dtype=torch.float64)
SCALE = torch.rand(12, 1, generator=RANDOM, dtype=torch.float64) + 0.5
COUNT = torch.tensor([1, 3, 0, 2, 1, 1, 0, 4, 1, 2, 1, 1])
PRIOR = priors.WeightPrior(dist.Normal(0.0, 1.0))
GIVEN = likelihoods.Gaussian(scale="given")


def model(likelihood=None):
    pyro.set_rng_seed(0)
    network = nn.Linear(2, 1).double()
    return zoo.BayesianNetwork(network, PRIOR, likelihood or likelihoods.Gaussian(0.7))


def energy(y, x=X, likelihood=None, num_data=None):
    bnn = model(likelihood)
    potential = Potential(bnn, x, y, num_data)
    return potential.energy(torch.tensor([0.1, -0.4, 0.3], dtype=torch.float64)).item()


def bound(y, x=X, likelihood=None, num_data=None):
    bnn = model(likelihood)
    guide = guides.MeanField(bnn, init_scale=0.3)
    pyro.set_rng_seed(1)
    return elbo(bnn, guide, x, y, num_data=num_data).item()


@pytest.mark.parametrize("value", [energy, bound])
def test_whole_weights_are_repeated_rows(value):
    rows = torch.repeat_interleave(torch.arange(12), COUNT)
    repeated = value(Y[rows], X[rows])
    assert value(Observed(Y, COUNT.double())) == pytest.approx(repeated, rel=1e-12)
    assert value(Y) != pytest.approx(repeated, rel=1e-2)


@pytest.mark.parametrize("value", [energy, bound])
def test_booleans_choose_data(value):
    mask = COUNT > 1
    chosen = value(Y[mask], X[mask])
    unlabelled = Y.masked_fill(~mask[:, None], float("nan"))
    assert value(Observed(unlabelled, mask)) == pytest.approx(chosen, rel=1e-12)


@pytest.mark.parametrize("likelihood", [None, GIVEN])
def test_batches_are_unbiased(likelihood):
    """The average over the batches of an epoch is the value of all data."""
    given = {"scale": SCALE} if likelihood else None
    y = Observed(Y, COUNT.double(), given)
    of_batches = []
    for index in torch.randperm(12, generator=RANDOM).split(4):
        batch = energy(take(y, index), X[index], likelihood, num_data=12)
        of_batches.append(batch)
    average = sum(of_batches) / 3
    assert average == pytest.approx(energy(y, likelihood=likelihood), rel=1e-12)


def test_the_known_noise_is_that_of_each_datum():
    expected = dist.Normal(X @ torch.tensor([[0.1], [-0.4]]).double() + 0.3, SCALE)
    prior = dist.Normal(0.0, 1.0).log_prob(torch.tensor([0.1, -0.4, 0.3])).sum()
    exact = -(expected.log_prob(Y).sum() + prior).item()
    assert energy(Observed(Y, None, {"scale": SCALE}), likelihood=GIVEN) == (
        pytest.approx(exact, rel=1e-6)
    )


ONES = torch.ones(60, 1)
NOISE = 0.1 + 2 * torch.rand(60, 1, generator=torch.Generator().manual_seed(1))
TARGETS = 1 + NOISE * torch.randn(60, 1, generator=torch.Generator().manual_seed(2))


def mean_model(likelihood):
    return zoo.BayesianNetwork(nn.Linear(1, 1, bias=False), PRIOR, likelihood)


def fitted_scale(bnn, exact, data, *args, **options):
    pyro.set_rng_seed(0)
    guide = guides.MeanField(bnn, init_scale=2 * exact)
    engine = inference.SVI(bnn, guide, num_steps=1000, lr=0.01, progress=False)
    posterior = engine.fit(data, *args, **options)
    return posterior, posterior.distributions()["weight"].stddev.item() / exact


def test_a_mean_with_known_noise_all_at_once_in_batches_and_from_a_loader():
    bnn = mean_model(GIVEN)
    exact = (1 + (1 / NOISE**2).sum()).rsqrt().item()
    average = (1 + 60 / NOISE.mean() ** 2).rsqrt().item()
    assert average > 1.5 * exact  # the answer of one noise scale for all

    whole, ratio = fitted_scale(bnn, exact, (ONES, TARGETS), scale=NOISE)
    assert ratio == pytest.approx(1, abs=0.1)
    _, ratio = fitted_scale(bnn, exact, (ONES, TARGETS), 20, scale=NOISE.numpy())
    assert ratio == pytest.approx(1, abs=0.2)

    rows = [
        {"x": x, "sigma": s, "y": y}
        for x, s, y in zip(ONES, NOISE, TARGETS, strict=True)
    ]
    loader = DataLoader(rows, 60)
    posterior, ratio = fitted_scale(bnn, exact, loader, target="y", scale="sigma")
    assert ratio == pytest.approx(1, abs=0.1)

    for prediction in (
        whole.predict(ONES, 500, scale=NOISE),
        posterior.predict(loader, 500),
        posterior.predict(loader, 500, scale="sigma"),
    ):
        std = (NOISE**2 + exact**2).sqrt()
        assert torch.allclose(prediction.std, std, rtol=0.15)
        assert prediction.log_prob(TARGETS).shape == (60,)


def test_half_weights_are_half_the_data():
    bnn = mean_model(likelihoods.Gaussian(1.0))
    exact = (1 + 30) ** -0.5
    posterior, ratio = fitted_scale(
        bnn, exact, (ONES, TARGETS), weights=torch.full((60,), 0.5)
    )
    assert ratio == pytest.approx(1, abs=0.1)  # .71 without weights
    assert posterior.info.bound is False


def test_weights_of_zero_and_one_leave_a_bound():
    bnn = mean_model(likelihoods.Gaussian(1.0))
    for weights in (torch.ones(60), COUNT.repeat(5) > 1):
        engine = inference.SVI(bnn, guides.MeanField(bnn), num_steps=2, progress=False)
        assert engine.fit((ONES, TARGETS), weights=weights).info.bound is True


def test_weights_by_key_and_by_themselves():
    bnn = mean_model(likelihoods.Gaussian(1.0))
    half = torch.full((60,), 0.5)
    for data, options in (
        ({"x": ONES, "y": TARGETS, "w": half}, {"target": "y", "weights": "w"}),
        ({"x": ONES, "y": TARGETS, "weights": half}, {"target": "y"}),
        ({"x": ONES, "y": TARGETS}, {"target": "y", "weights": half}),
        ((ONES, Observed(TARGETS, half)), {}),
        ((ONES.numpy(), TARGETS.numpy()), {"weights": half.tolist()}),
    ):
        columns = Columns.of(bnn, options.get("target"), options.get("weights"), {})
        y = batches(bnn, data, columns=columns).y
        assert torch.equal(y.weights, half)
        assert y.given is None


@pytest.mark.filterwarnings("ignore:.*4 of 4 draws diverged")
def test_samplers_take_weights_and_known_quantities():
    bnn = mean_model(GIVEN)
    seen = {}
    hmc = inference.HMC(
        bnn,
        num_chains=1,
        warmup_steps=2,
        num_samples=4,
        num_steps=5,
        init="prior",
        compile="plain",
        progress=False,
    )

    class Looking(poutine.messenger.Messenger):
        def _pyro_post_sample(self, msg):
            if msg["is_observed"]:
                seen["scale"] = msg["fn"].base_dist

    with Looking():
        posterior = hmc.fit((ONES, TARGETS), weights=COUNT.repeat(5), scale=NOISE)
    assert seen
    assert (
        posterior.to_arviz((ONES, Observed(TARGETS, None, {"scale": NOISE})))
        is not None
    )


def test_early_stopping_with_weights_and_known_quantities():
    bnn = mean_model(GIVEN)
    stopping = inference.EarlyStopping(every=2, num_samples=3)
    engine = inference.SVI(
        bnn,
        guides.MeanField(bnn),
        num_steps=4,
        early_stopping=stopping,
        progress=False,
    )
    posterior = engine.fit(
        (ONES, TARGETS), 20, weights=torch.rand(60) + 0.1, scale=NOISE
    )
    assert len(posterior.info.held_out) == 2


HALF = torch.full((60,), 0.5)
ROWS = [{"x": x, "y": y} for x, y in zip(ONES, TARGETS, strict=True)]
FAULTS = {
    "unknown name": (
        likelihoods.Gaussian(1.0),
        {"noise": NOISE},
        TypeError,
        r"fit has no argument 'noise'; .* asks for nothing",
    ),
    "other name": (GIVEN, {"sigma": NOISE}, TypeError, "asks for scale"),
    "none": (GIVEN, {}, ValueError, r"write fit\(data, scale=...\)"),
    "a number": (GIVEN, {"scale": 0.1}, TypeError, "the scale must be a tensor"),
    "a key": (GIVEN, {"scale": "sigma"}, TypeError, "is a key, which data in a pair"),
    "too few": (GIVEN, {"scale": NOISE[:50]}, ValueError, "scale'.* has 50"),
    "negative": (GIVEN, {"scale": -NOISE}, ValueError, "must be positive"),
    "weights of another shape": (
        likelihoods.Gaussian(1.0),
        {"weights": HALF[:, None]},
        ValueError,
        r"must have shape \(60,\)",
    ),
    "too few weights": (
        likelihoods.Gaussian(1.0),
        {"weights": HALF[:59]},
        ValueError,
        "weights has 59",
    ),
    "negative weights": (
        likelihoods.Gaussian(1.0),
        {"weights": -HALF},
        ValueError,
        "at least 0, not -0.5 in row 0",
    ),
    "weights that are NaN": (
        likelihoods.Gaussian(1.0),
        {"weights": HALF * float("nan")},
        ValueError,
        "must be finite",
    ),
    "weights of 0": (
        likelihoods.Gaussian(1.0),
        {"weights": torch.zeros(60)},
        ValueError,
        "all weights are 0",
    ),
    "a target": (
        likelihoods.Gaussian(1.0),
        {"target": "y"},
        TypeError,
        "target='y' is the key .* here they are a pair",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_does_not_fit_the_data(name):
    likelihood, options, error, sentence = FAULTS[name]
    bnn = mean_model(likelihood)
    engine = inference.SVI(bnn, guides.MeanField(bnn), num_steps=1, progress=False)
    with pytest.raises(error, match=sentence):
        engine.fit((ONES, TARGETS), **options)


def test_observed_with_weights_twice():
    bnn = mean_model(likelihoods.Gaussian(1.0))
    with pytest.raises(ValueError, match=r"are Observed\(y, weights, given\) already"):
        batches(bnn, (ONES, Observed(TARGETS, HALF)), columns=Columns(weights=HALF))


def test_what_laplace_does_not_take():
    bnn = mean_model(likelihoods.Gaussian(1.0))
    engine = inference.Laplace(bnn, num_steps=1, progress=False)
    for options in ({"weights": HALF}, {"num_data": 9}):
        with pytest.raises(ValueError, match=f"Laplace takes no {next(iter(options))}"):
            engine.fit((ONES, TARGETS), **options)


def test_predictions_without_the_known_noise():
    bnn = mean_model(GIVEN)
    engine = inference.SVI(bnn, guides.MeanField(bnn), num_steps=1, progress=False)
    posterior = engine.fit((ONES, TARGETS), scale=NOISE)
    prediction = posterior.predict(ONES[:3])
    with pytest.raises(ValueError, match=r"predict\(x, scale=...\)"):
        _ = prediction.std
    with pytest.raises(TypeError, match="predict has no argument 'sigma'"):
        posterior.predict(ONES[:3], sigma=NOISE[:3])
    with pytest.raises(ValueError, match="scale"):
        posterior.predict(ONES[:3], scale=NOISE[:2])
    assert bnn.prior_predictive(ONES, 5, scale=NOISE).std.shape == (60, 1)


def test_a_table_with_columns_of_targets_weights_and_known_quantities():
    table = pd.DataFrame(
        {
            "x": ONES[:, 0].numpy(),
            "sigma": NOISE[:, 0].numpy(),
            "y": TARGETS[:, 0].numpy(),
            "w": COUNT.repeat(5).numpy(),
        }
    )
    bnn = mean_model(GIVEN)
    engine = inference.SVI(bnn, guides.MeanField(bnn), num_steps=2, progress=False)
    pyro.set_rng_seed(0)
    weights = COUNT.repeat(5)
    expected = engine.fit((ONES, TARGETS), weights=weights, scale=NOISE)
    pyro.set_rng_seed(0)
    engine = inference.SVI(bnn, guides.MeanField(bnn), num_steps=2, progress=False)
    posterior = engine.fit(table, target="y", weights="w", scale="sigma")
    assert torch.allclose(posterior.info.losses, expected.info.losses)
    assert posterior.predict(table, scale=table["sigma"]).std.shape == (60, 1)
    with pytest.raises(ValueError, match="no column 'v' for the weights; it has 'x'"):
        engine.fit(table, target="y", weights="v", scale="sigma")
