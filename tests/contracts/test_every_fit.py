"""What every fit promises: a row for each pair of network, prior, guide and likelihood.

A row is fitted once; every promise is a subtest of it.
"""

import math

import cases
import pyro
import pytest
import torch

import zoo
from zoo import inference
from zoo.predictive import chunks
from zoo.predictive.evaluate import evaluate_draws
from zoo.predictive.prediction import Prediction
from zoo.runtime.modes import evaluation_mode

FITS = cases.each_pair("network, prior, guide, likelihood", cases.FITS)
ENGINES = cases.each_pair("network, prior, likelihood, engine", cases.RUNS)
BATCH_NORM = pytest.mark.filterwarnings("ignore:the network has batch normalisation")
ONE_PER_LIKELIHOOD_AND_NETWORK = set(
    {(row[0], row[3]): row for row in reversed(cases.FITS)}.values()
)
ONE_PER_GUIDE = list({row[2]: row for row in reversed(cases.FITS)}.values())


def fit(network, prior, guide, likelihood):
    model = cases.model(network, prior, likelihood)
    data = cases.data(network, likelihood)
    engine = inference.SVI(
        model, cases.GUIDES[guide](model), num_steps=2, progress=False
    )
    return engine.fit(data), data


def state_of(model):
    state = {name: value.clone() for name, value in model.state_dict().items()}
    modes = [layer.training for layer in model.modules()]
    requires = [parameter.requires_grad for parameter in model.parameters()]
    grads = [parameter.grad for parameter in model.parameters()]
    return state, modes, requires, grads


def assert_unchanged(model, before):
    state, modes, requires, grads = before
    assert [layer.training for layer in model.modules()] == modes
    assert [parameter.requires_grad for parameter in model.parameters()] == requires
    assert [parameter.grad for parameter in model.parameters()] == grads
    for name, value in model.state_dict().items():
        assert torch.equal(value, state[name]), name


def assert_keeps_its_promises(posterior, x, y):
    """Check what holds whatever the engine."""
    shapes = cases.shapes_of_draws(posterior.model)
    draws = posterior.sample(2)
    assert {name: value.shape[1:] for name, value in draws.items()} == shapes
    assert all(len(value) == 2 for value in draws.values())

    prediction = posterior.predict(x, num_samples=3)
    assert prediction.samples().shape == (3, *y.shape)
    assert torch.isfinite(prediction.log_prob(y)).all()
    discrete = prediction.likelihood.discrete
    total = prediction.entropy if discrete else prediction.std.square()
    parts = prediction.epistemic + prediction.aleatoric
    assert torch.allclose(parts, total, rtol=1e-4, atol=1e-6)
    mean, uncertainty = prediction
    assert torch.equal(mean, prediction.mean)
    assert torch.equal(uncertainty, prediction.uncertainty)

    one = posterior.predict(x, num_samples=1)
    assert torch.isfinite(one.log_prob(y)).all()
    assert torch.allclose(one.epistemic, torch.zeros(()), atol=1e-5)
    assert "Posterior over" in repr(posterior)
    assert "<li>" in posterior._repr_html_()


def assert_chunks_change_nothing(posterior, x, monkeypatch):
    """Check prediction in one piece, in chunks, and draw by draw."""
    model, draws, x = posterior.model, posterior.sample(2), x[:3]
    whole = evaluate_draws(model, draws, posterior.state, x)
    with monkeypatch.context() as patch:
        patch.setattr(chunks, "ELEMENTS", 1)  # a chunk is one draw at one input
        parts = evaluate_draws(model, draws, posterior.state, x)

    singles = []
    with evaluation_mode(model.network), torch.no_grad():
        for i in range(2):
            values = {name: value[i] for name, value in draws.items()}
            singles.append(model.output({**posterior.state, **values}, x))
    single = torch.stack(singles)
    assert torch.allclose(parts, whole, rtol=1e-4, atol=1e-5), (
        (parts - whole).abs().max()
    )
    assert torch.allclose(single, whole, rtol=1e-4, atol=1e-5), (
        (single - whole).abs().max()
    )


def assert_the_density_is_that_of_the_mixture(posterior, x, y):
    model, draws = posterior.model, posterior.sample(3)
    outputs = evaluate_draws(model, draws, posterior.state, x)
    prediction = Prediction(model.likelihood, outputs, draws)
    direct = []
    for i in range(3):
        noise = {name: value[i] for name, value in draws.items()}
        distribution = model.likelihood.distribution(outputs[i], noise)
        distribution = model.likelihood.as_observed(distribution)
        log_prob = distribution.log_prob(model.likelihood.encode(y, x))
        direct.append(log_prob.reshape(len(x), -1).sum(-1).double())
    mixture = torch.stack(direct).logsumexp(0) - math.log(3)
    assert torch.allclose(
        prediction.log_prob(y).double(), mixture, rtol=1e-4, atol=1e-4
    )


def assert_is_read_back(posterior, x, anew, guide, path):
    posterior.save(path)
    again = zoo.load(path, anew, guide=guide)
    assert torch.equal(again.info.losses, posterior.info.losses)
    predictions = []
    for each in (posterior, again):
        pyro.set_rng_seed(5)
        predictions.append(each.predict(x, num_samples=3))
    assert torch.equal(predictions[0].outputs, predictions[1].outputs)
    for name, value in predictions[0].noise.items():
        assert torch.equal(value, predictions[1].noise[name]), name


@FITS
def test_a_fit_keeps_its_promises(
    network, prior, guide, likelihood, subtests, monkeypatch, tmp_path
):
    model = cases.model(network, prior, likelihood)
    x, y = cases.data(network, likelihood)
    model.network[0].eval() if network == "BatchNorm" else model.network.train()
    next(model.network.parameters()).requires_grad_(False)  # it must stay so
    before = state_of(model)

    engine = inference.SVI(
        model, cases.GUIDES[guide](model), num_steps=2, progress=False
    )
    with pytest.warns(UserWarning, match="requires_grad of .* has changed"):
        posterior = engine.fit((x, y))
    assert posterior.info.losses.shape == (2,)
    assert torch.isfinite(posterior.info.losses).all()
    assert posterior.info.stopped == ""

    with subtests.test("sampling and predicting"):
        assert_keeps_its_promises(posterior, x, y)
    with subtests.test("chunks"):
        assert_chunks_change_nothing(posterior, x, monkeypatch)
    if (network, prior, guide, likelihood) in ONE_PER_LIKELIHOOD_AND_NETWORK:
        with subtests.test("density"):
            assert_the_density_is_that_of_the_mixture(posterior, x, y)
    with subtests.test("the network is as it was"):
        assert_unchanged(model, before)
    with subtests.test("read back into a model built anew"):
        anew = cases.model(network, prior, likelihood)
        path = tmp_path / "posterior.safetensors"
        assert_is_read_back(posterior, x, anew, cases.GUIDES[guide](anew), path)


@BATCH_NORM
@pytest.mark.filterwarnings("ignore:.*draws diverged")  # a handful of draws
@ENGINES
def test_every_engine_keeps_its_promises_and_leaves_the_network_as_it_was(
    network, prior, likelihood, engine
):
    model = cases.model(network, prior, likelihood)
    x, y = cases.data(network, likelihood)
    before = state_of(model)
    posterior = cases.ENGINES[engine](model).fit((x, y))
    chains = cases.num_chains(engine)
    expected = None if engine in cases.OF_GUIDES else 3 * chains
    assert posterior.num_samples == expected
    if engine in (*cases.SAMPLERS, *cases.STOCHASTIC):
        assert posterior.info.compiled == "traced"
        for name in ("acceptance_rate", "diverging", "n_steps", "lp"):
            assert getattr(posterior.info, name).shape == (chains, 3), name
    assert_keeps_its_promises(posterior, x, y)
    assert_unchanged(model, before)


@cases.each("network, prior, guide, likelihood", ONE_PER_GUIDE)
def test_a_posterior_is_a_snapshot_that_later_fits_do_not_touch(
    network, prior, guide, likelihood
):
    model = cases.model(network, prior, likelihood)
    data = cases.data(network, likelihood)
    engine = inference.SVI(
        model, cases.GUIDES[guide](model), num_steps=2, progress=False
    )
    first = engine.fit(data)
    tensors = {**first.state, **first.scoped.tensors()}
    before = {name: value.detach().clone() for name, value in tensors.items()}

    second = engine.fit(data)
    for name, value in before.items():
        assert torch.equal(tensors[name], value), name
    others = [*second.state.values(), *second.scoped.tensors().values()]
    others += model.state_dict().values()
    addresses = {value.data_ptr() for value in others}
    for name, value in tensors.items():
        assert value.data_ptr() not in addresses, name


@cases.each("network, prior, guide, likelihood", ONE_PER_GUIDE)
def test_the_same_seed_gives_the_same_fit_and_prediction(
    network, prior, guide, likelihood
):
    results = []
    for _ in range(2):
        pyro.set_rng_seed(7)
        posterior, (x, _) = fit(network, prior, guide, likelihood)
        outputs = posterior.predict(x, num_samples=2).outputs
        results.append((posterior.info.losses, outputs))
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][1], results[1][1])


@cases.each("network, prior, guide, likelihood", ONE_PER_GUIDE)
def test_the_parameter_store_is_as_before(network, prior, guide, likelihood):
    store = pyro.get_param_store()
    with store.scope():
        pyro.param("mine", torch.tensor(1.0))
        mine = store._params["mine"]
        posterior, (x, _) = fit(network, prior, guide, likelihood)
        posterior.predict(x, num_samples=2)
        assert list(store.keys()) == ["mine"]
        assert store._params["mine"] is mine
