"""What every model promises: networks × priors × likelihoods, no guide yet."""

import cases
import pyro
import pytest
import torch
from pyro import poutine

MODELS = cases.each("network, prior, likelihood", cases.MODELS)


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
def test_without_data_a_model_runs_its_latent_sites_alone(network, prior, likelihood):
    model = cases.model(network, prior, likelihood)
    nodes = trace(model).nodes
    assert latent(nodes) == set(model.latents)
    for name, law in model.latents.items():
        assert nodes[name]["value"].shape == law.shape(), name
        assert nodes[name]["fn"].event_dim == law.event_dim == len(law.shape()), name


@MODELS
def test_site_names_are_state_dict_names_or_nodes_or_say_whose_they_are(
    network, prior, likelihood
):
    model = cases.model(network, prior, likelihood)
    for name in model.latents:
        assert (
            name in model.network.state_dict()
            or ".nodes_" in name
            or name.startswith(("likelihood:", "prior:"))
        ), name
        if name.startswith(
            "prior:"
        ):  # a parameter of the prior of a tensor that is random itself
            assert name.removeprefix("prior:").rpartition(".")[0] in model.latents, name


@MODELS
def test_a_model_samples_targets_of_the_shape_it_observes(network, prior, likelihood):
    model, (x, y) = (
        cases.model(network, prior, likelihood),
        cases.data(network, likelihood),
    )
    with pyro.get_param_store().scope():
        assert model(x).shape == y.shape
    assert torch.isfinite(trace(model, x, y).log_prob_sum())


@MODELS
def test_the_likelihood_alone_is_scaled_to_all_data(network, prior, likelihood):
    model, (x, y) = (
        cases.model(network, prior, likelihood),
        cases.data(network, likelihood),
    )
    nodes = trace(model, x, y, num_data=5 * len(x)).nodes
    for name, node in nodes.items():
        if node["type"] == "sample":
            assert node["scale"] == (5.0 if name == "likelihood:y" else 1.0), name
    assert nodes["likelihood:y"]["fn"].log_prob(
        nodes["likelihood:y"]["value"]
    ).shape == (len(x),)


@MODELS
def test_the_summary_accounts_for_every_weight(network, prior, likelihood):
    model = cases.model(network, prior, likelihood)
    summary = model.summary()
    weights = sum(value.numel() for value in model.network.parameters())
    random_weights = sum(
        law.shape().numel()
        for name, law in model.latents.items()
        if name in model.network.state_dict()
    )
    others = sum(
        law.shape().numel()
        for name, law in model.latents.items()
        if name not in model.network.state_dict() and not name.startswith("likelihood:")
    )
    assert (
        summary.weights == weights == random_weights + summary.points + summary.frozen
    )
    assert summary.random == random_weights + others
    assert str(weights) in str(summary).replace(",", "")
    assert "<table>" in summary._repr_html_()


@MODELS
def test_running_a_model_leaves_the_network_as_it_was(network, prior, likelihood):
    model, (x, y) = (
        cases.model(network, prior, likelihood),
        cases.data(network, likelihood),
    )
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    modes = [layer.training for layer in model.modules()]
    trace(model, x, y)
    model.prior_predictive(x, num_samples=2)
    assert [layer.training for layer in model.modules()] == modes
    assert all(parameter.requires_grad for parameter in model.network.parameters())
    for name, value in model.network.state_dict().items():
        assert torch.equal(value, before[name]), name


@MODELS
def test_a_model_predicts_before_it_has_seen_data(network, prior, likelihood):
    model, (x, y) = (
        cases.model(network, prior, likelihood),
        cases.data(network, likelihood),
    )
    prediction = model.prior_predictive(x, num_samples=3)
    assert prediction.samples().shape == (3, *y.shape)
    assert torch.isfinite(prediction.log_prob(y)).all()


@MODELS
def test_a_model_in_double_precision_is_so_throughout(network, prior, likelihood):
    model, (x, y) = (
        cases.model(network, prior, likelihood).double(),
        cases.data(network, likelihood),
    )
    nodes = trace(model, x.double(), y).nodes
    for name, node in nodes.items():
        if node["type"] == "sample" and name in model.latents:
            assert node["value"].dtype == torch.float64, name
    assert (
        nodes["likelihood:y"]["fn"].log_prob(nodes["likelihood:y"]["value"]).dtype
        == torch.float64
    )


@pytest.mark.parametrize("name", cases.DATASETS)
def test_a_data_set_is_two_pairs_that_a_model_takes(name):
    data = cases.DATASETS[name]()
    for part in (data.train, data.test):
        assert len(part.x) == len(part.y) > 0
        assert torch.isfinite(part.x).all()
    assert data.train.x.shape[1:] == data.test.x.shape[1:]
    assert "train=" in repr(data)
