"""The program of 'Bayesian deep learning with 10 % of the weights': train, prune, save, load."""

import pyro
import pyro.distributions as dist
import pytest

import guides
import zoo
from zoo import datasets, inference, likelihoods, networks, priors, pruning


def build(network):
    model = zoo.BayesianNetwork(
        network, priors.WeightPrior(dist.Normal(0.0, 0.3)), likelihoods.Categorical()
    )
    return model, guides.LocalReparam(model, max_scale=0.1)


def accuracy(probs, data):
    return float((probs.argmax(-1) == data.test.y).float().mean())


@pytest.fixture(scope="module")
def data():
    return datasets.digits(flatten=True)


@pytest.fixture(scope="module")
def trained(data):
    pyro.set_rng_seed(0)
    model, guide = build(networks.MLP(64, 10, hidden=[100, 100]))
    return inference.SVI(model, guide, num_epochs=60, lr=1e-2, progress=False).fit(
        data.train, batch_size=128
    )


@pytest.mark.parametrize("application", ["desk", "embedded"])
def test_train_prune_save_load_predict(application, trained, data, tmp_path):
    pyro.set_rng_seed(1)
    posterior, file = trained, tmp_path / "posterior.safetensors"
    if application == "embedded":
        posterior = zoo.prune(posterior, fraction=0.5)
    posterior.save(file)

    model, guide = build(networks.MLP(64, 10, hidden=[100, 100]))  # elsewhere, later
    prediction, uncertainty = zoo.load(file, model, guide=guide).predict(data.test.x)

    assert accuracy(prediction, data) > 0.92
    assert uncertainty.shape == (360,)
    bytes_each = file.stat().st_size / guide.num_parameters()
    assert bytes_each < 2.6 if application == "embedded" else bytes_each > 4


def test_a_smaller_network_predicts_as_the_pruned_one(trained, data, tmp_path):
    pytest.importorskip("torch_pruning", reason="shrinking needs torch-pruning")
    pyro.set_rng_seed(1)
    half = zoo.prune(trained, fraction=0.5, rule=pruning.filter_norm, per_layer=True)
    pruning.shrink(half, data.test.x).save(tmp_path / "small")

    model, guide = build(networks.MLP(64, 10, hidden=[50, 50]))
    found, expected, whole = (
        posterior.predict(data.test.x, 400).functions
        for posterior in (
            zoo.load(tmp_path / "small", model, guide=guide),
            half,
            trained,
        )
    )
    assert accuracy(found.mean(0), data) > 0.92
    error = ((found.var(0) + expected.var(0)) / 400).sqrt().clamp_min(1e-4)
    off = (found.mean(0) - expected.mean(0)).abs() / error
    assert float(off.square().mean()) < 1.5  # 1 for equal distributions
    assert (
        float(((whole.mean(0) - expected.mean(0)) / error).square().mean()) > 10
    )  # the whole posterior differs
