"""What a sampler stores: thinned draws, a maximum, function values, the device and dtype."""

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
from zoo.inference.mcmc.running.store import Store, StoreOptions

X, Y = torch.randn(6, 2), torch.randn(6, 1)
AT = torch.linspace(-1, 1, 8).reshape(4, 2)
FACTS = ("acceptance_rate", "diverging", "n_steps", "lp")


def build(likelihood=None):
    torch.manual_seed(0)
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    likelihood = likelihood or likelihoods.Gaussian(dist.HalfNormal(1.0))
    return zoo.BayesianNetwork(networks.MLP(2, 1, hidden=[3]), prior, likelihood)


def run(model=None, engine="HMC", data=(X, Y), **options):
    """Run eight draws of two chains from one seed."""
    pyro.set_rng_seed(0)
    sampler = dataclasses.replace(
        cases.ENGINES[engine](model or build()), num_samples=8, **options
    )
    return sampler.fit(data)


@pytest.fixture(scope="module")
def whole():
    return run()


def same_draws(posterior, whole, places):
    assert posterior.num_samples == 2 * len(places)
    for name, value in whole.draws.items():
        assert torch.equal(posterior.draws[name], value[:, places]), name
    for name in FACTS:
        assert torch.equal(
            getattr(posterior.info, name), getattr(whole.info, name)[:, places]
        ), name


@pytest.mark.parametrize(
    ("options", "places", "thinning"),
    [
        ({"thinning": 3}, [0, 3, 6], 3),
        ({"thinning": 20}, [0], 20),
        ({"max_draws": 8}, list(range(8)), 1),
        ({"max_draws": 5}, [0, 2, 4, 6], 2),
        ({"max_draws": 3}, [0, 4], 4),
        ({"thinning": 2, "max_draws": 2}, [0, 4], 4),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "block",
    [
        pytest.param(1, marks=pytest.mark.full),
        3,
        pytest.param(100, marks=pytest.mark.full),
    ],
)
def test_thinning_and_the_maximum_number_of_draws(
    whole, options, places, thinning, block, monkeypatch
):
    monkeypatch.setattr("zoo.inference.mcmc.running.blocks.BLOCK", block)
    posterior = run(**options)
    same_draws(posterior, whole, places)
    assert posterior.info.thinning == thinning


def test_a_long_run_is_halved_repeatedly():
    store = Store(StoreOptions(max_draws=10), Potential(build(), X, Y))
    for first in range(0, 1000, 7):
        steps = torch.arange(first, first + 7).expand(2, 7)
        zeros = torch.zeros(2, 7)
        q = torch.zeros(2, 7, store.potential.size)
        store.add(DrawBlock(q, TransitionInfo(zeros, zeros.bool(), steps, zeros)))
    kept = store.info().n_steps[0]
    assert torch.equal(kept, torch.arange(0, 1001, store.thinning))
    assert store.count == len(kept) <= 10
    assert store.thinning == 128


def test_draws_are_stored_where_asked(whole):
    posterior = run(store_on="cpu")
    same_draws(posterior, whole, list(range(8)))
    assert posterior.predict(AT).mean.shape == (4, 1)
    with pytest.raises(
        ValueError, match=r"store_on must be a device.*write store_on=.cpu."
    ):
        inference.HMC(build(), store_on="attic")


def test_chains_in_double_precision_give_draws_in_the_models_precision(whole):
    posterior = run(dtype=torch.float64)
    assert posterior.info.lp.dtype == torch.float64
    assert {value.dtype for value in posterior.draws.values()} == {torch.float32}
    assert posterior.model.first_parameter.dtype == torch.float32
    assert {value.dtype for value in posterior.state.values()} <= {torch.float32}
    assert posterior.predict(AT).mean.dtype == torch.float32
    energy = Potential(posterior.model, X, Y, dtype=torch.float64)
    last = {name: value[1, -1] for name, value in posterior.draws.items()}
    assert torch.allclose(
        -energy.energy(energy.pack(last)), posterior.info.lp[1, -1], rtol=1e-5
    )
    assert run(build().double()).draws["layer1.weight"].dtype == torch.float64


# Function values instead of weights


@pytest.fixture(scope="module")
def kept():
    return run(functions_at=AT)


def test_function_values_are_those_of_the_weights(whole, kept):
    assert kept.functions[1].shape == (2, 8, 4, 1)
    assert set(kept.draws) == {"likelihood:scale"}
    one, other = kept.predict(AT), whole.predict(AT)
    torch.testing.assert_close(one.outputs, other.outputs)
    assert torch.equal(one.noise["likelihood:scale"], other.noise["likelihood:scale"])
    torch.testing.assert_close(
        one.log_prob(torch.zeros(4, 1)), other.log_prob(torch.zeros(4, 1))
    )
    torch.testing.assert_close(
        kept.predict(AT, num_samples=3).outputs,
        whole.predict(AT, num_samples=3).outputs,
    )
    torch.testing.assert_close(
        kept.predict(AT.double()).outputs, other.outputs
    )  # the dtype is the model's either way


def test_other_inputs_are_refused(kept):
    sentence = (
        r"has no weights, only function values at 4 inputs; "
        r"predict at exactly these, posterior.functions\[0\]"
    )
    for x in (AT[:2], AT + 1e-3, AT.flip(0), X):
        with pytest.raises(ValueError, match=sentence):
            kept.predict(x)


def test_a_posterior_of_function_values_can_be_saved_and_loaded(kept, whole, tmp_path):
    assert (kept.num_samples, kept.num_chains) == (16, 2)
    assert (
        repr(kept)
        == repr(whole)
        == "Posterior over 14 parameters at 5 sites: 2 chains of 8 draws"
    )
    assert set(kept.sample(5)) == {"likelihood:scale"}
    kept.save(tmp_path / "posterior")
    again = zoo.load(tmp_path / "posterior", build())
    assert torch.equal(again.functions[0], AT)
    assert torch.equal(again.predict(AT).outputs, kept.predict(AT).outputs)
    for name in FACTS:
        assert torch.equal(getattr(again.info, name), getattr(kept.info, name)), name


def test_diagnostics_take_them_at_these_inputs(kept, whole):
    assert str(zoo.convergence(kept, AT)) == str(zoo.convergence(whole, AT))
    assert zoo.fidelity(kept, whole, AT).scores["mean_error"] < 1e-5
    assert zoo.fidelity(whole, kept, AT).scores["mean_error"] < 1e-5
    results = kept.to_arviz((AT, torch.zeros(4, 1)))
    assert results["log_likelihood"]["y"].shape == (2, 8, 4)
    assert set(results["posterior"].data_vars) == {"likelihood:scale"}


def test_without_noise_sites_only_function_values_are_stored(tmp_path):
    model = build(likelihoods.Gaussian(0.5))
    posterior = run(model, functions_at=AT, thinning=2)
    assert posterior.draws == {}
    assert posterior.num_samples == 8
    assert posterior.sample() == {}
    assert posterior.predict(AT).mean.shape == (4, 1)
    posterior.save(tmp_path / "posterior")
    assert repr(zoo.load(tmp_path / "posterior", model)) == repr(posterior)
    results = posterior.to_arviz((AT, torch.zeros(4, 1)))
    assert results["log_likelihood"]["y"].shape == (2, 4, 4)


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        (torch.zeros(3, 5), r"MLP does not take inputs of shape \(3, 5\)"),
        (torch.full((3, 2), torch.nan), "hold NaN or infinite"),
        (torch.zeros(0, 2), "there are no inputs"),
    ],
)
def test_wrong_inputs_are_refused_before_the_run(inputs, sentence, monkeypatch):
    monkeypatch.setattr(inference.HMC, "kernel", None)
    with pytest.raises(ValueError, match=sentence):
        run(functions_at=inputs)


def test_only_a_network_has_function_values():
    with pytest.raises(
        ValueError,
        match="functions_at needs a BayesianNetwork; for other models the values of the sites",
    ):
        inference.HMC(lambda x: None, functions_at=AT)


@pytest.mark.parametrize(
    "options", [{"thinning": 0}, {"max_draws": 1}, {"num_chains": 0}], ids=str
)
def test_counts_out_of_range_are_refused(options):
    name, value = next(iter(options.items()))
    with pytest.raises(ValueError, match=f"{name} must be at least ., not {value}"):
        inference.HMC(build(), **options)
