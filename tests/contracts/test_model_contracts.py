"""What every model promises: networks × priors × likelihoods, no guide yet."""

import cases
import pyro
import pytest
import torch
from pyro import poutine

MODELS = cases.each_pair("network, prior, likelihood", cases.MODELS)


def trace(model, *args, **kwargs):
    with pyro.get_param_store().scope():
        return poutine.trace(model).get_trace(*args, **kwargs)


def latent(nodes):
    return {
        name
        for name, node in nodes.items()
        if node["type"] == "sample" and not node["is_observed"]
    }


@MODELS
def test_a_model_keeps_its_promises(network, prior, likelihood, subtests):
    model = cases.model(network, prior, likelihood)
    x, y = cases.data(network, likelihood)
    latents = model.latents
    own = model.network.state_dict()
    before = {name: value.clone() for name, value in own.items()}
    modes = [layer.training for layer in model.modules()]

    with subtests.test("without data it runs its latent sites alone"):
        nodes = trace(model).nodes
        assert latent(nodes) == set(latents)
        for name, site in latents.items():
            assert nodes[name]["value"].shape == site.shape(), name
            assert nodes[name]["fn"].event_dim == site.event_dim == len(site.shape()), (
                name
            )

    with subtests.test("site names are state_dict names, nodes, or say whose they are"):
        for name in latents:
            is_own = name.startswith(("likelihood:", "prior:"))
            is_tensor = name.removesuffix("_decentered") in own
            assert is_tensor or ".nodes_" in name or is_own, name
            if name.startswith("prior:"):  # a parameter of the prior of a random tensor
                tensor = name.removeprefix("prior:").rpartition(".")[0]
                assert tensor in latents or f"{tensor}_decentered" in latents, name

    with subtests.test("it samples targets of the shape that it observes"):
        with pyro.get_param_store().scope():
            assert model(x).shape == y.shape
        assert torch.isfinite(trace(model, x, y).log_prob_sum())

    with subtests.test("the likelihood alone is scaled to all data"):
        nodes = trace(model, x, y, num_data=5 * len(x)).nodes
        for name, node in nodes.items():
            if node["type"] == "sample":
                assert node["scale"] == (5.0 if name == "likelihood:y" else 1.0), name
        observed = nodes["likelihood:y"]
        assert observed["fn"].log_prob(observed["value"]).shape == (len(x),)

    with subtests.test("the summary accounts for every weight"):
        summary = model.summary()
        weights = sum(value.numel() for value in model.network.parameters())
        random_weights = others = 0
        for name, site in latents.items():
            if name.removesuffix("_decentered") in own:
                random_weights += site.shape().numel()
            elif not name.startswith("likelihood:"):
                others += site.shape().numel()
        assert summary.weights == weights
        assert weights == random_weights + summary.points + summary.frozen
        assert summary.random == random_weights + others
        assert str(weights) in str(summary).replace(",", "")
        assert "<table>" in summary._repr_html_()

    with subtests.test("it predicts before it has seen data"):
        prediction = model.prior_predictive(x, num_samples=3)
        assert prediction.samples().shape == (3, *y.shape)
        assert torch.isfinite(prediction.log_prob(y)).all()

    with subtests.test("running it leaves the network as it was"):
        assert [layer.training for layer in model.modules()] == modes
        assert all(parameter.requires_grad for parameter in model.network.parameters())
        for name, value in model.network.state_dict().items():
            assert torch.equal(value, before[name]), name

    with subtests.test("in double precision it is so throughout"):
        nodes = trace(model.double(), x.double(), y).nodes
        for name in latents:
            assert nodes[name]["value"].dtype == torch.float64, name
        observed = nodes["likelihood:y"]
        assert observed["fn"].log_prob(observed["value"]).dtype == torch.float64


@pytest.mark.parametrize("name", cases.DATASETS)
def test_a_data_set_is_two_pairs_that_a_model_takes(name):
    data = cases.DATASETS[name]()
    for part in (data.train, data.test):
        assert len(part.x) == len(part.y) > 0
        assert torch.isfinite(part.x).all()
    assert data.train.x.shape[1:] == data.test.x.shape[1:]
    assert "train=" in repr(data)
