"""Objects as JSON and back: what is described is the same, and what is not says so."""

import copy
import json
import pickle

import pyro
import pyro.distributions as dist
import pytest
import torch
from cases import (
    FAMILIES,
    GUIDES,
    LIKELIHOODS,
    NETWORKS,
    OF_FLOWS,
    OURS,
    PRIORS,
    Likelihood,
)
from pyro import poutine
from torch import nn

import guides
import zoo
from guides._lazy.lazy import plain
from zoo import likelihoods, networks, priors
from zoo.hub.describing import NotDescribed, described
from zoo.hub.rebuilding import rebuilt
from zoo.hub.recipe import build_guide, build_model, describe_guide, describe_model
from zoo.runtime.description.objects import describe_parts, describe_value

WITHOUT = {  # rows that no file can name, and what the error says
    "GRU": "Recurrent",
    "callable": "lambda",
    "previous+moped+fan_in": "Selected",
    "Censored": "exponential",
    "From(Poisson)": "poisson",
}
_PRIORS_OF_NODES = {"NodeMixture": "NodePrior", "Rank1": "NodePrior+WeightPrior"}
ALL_LIKELIHOODS = LIKELIHOODS | OF_FLOWS


def again(value):
    """Describe, write, read and rebuild an object."""
    return rebuilt(json.loads(json.dumps(described(value))))


def model_of(network, prior, row: Likelihood):
    return zoo.BayesianNetwork(network, prior, row.make())


def log_density(model, x, y):
    """Return the log joint density at draws that the seed alone decides."""
    pyro.set_rng_seed(3)
    with pyro.get_param_store().scope():
        trace = poutine.trace(model).get_trace(x, y)
        return float(trace.log_prob_sum().detach())


def rebuilt_model(model):
    """Rebuild a model, and give its network the values of the first."""
    text = json.loads(json.dumps(describe_model(model)))
    new = build_model(text, {})
    new.network.load_state_dict(model.network.state_dict())

    return new


@pytest.mark.parametrize("name", [*NETWORKS, *FAMILIES])
def test_a_network_is_rebuilt_with_the_same_layers(name):
    network = (NETWORKS | FAMILIES)[name].make(3)
    if name in WITHOUT:
        with pytest.raises(NotDescribed, match=WITHOUT[name]):
            described(network)
        return

    new = again(network)
    assert describe_parts(new) == describe_parts(network)
    new.load_state_dict(network.state_dict())  # names and shapes
    assert describe_value(copy.deepcopy(new)) == describe_value(new)


@pytest.mark.parametrize("name", PRIORS)
def test_a_prior_is_rebuilt_with_the_same_density(name):
    if name in WITHOUT:
        with pytest.raises(NotDescribed, match=WITHOUT[name]):
            described(PRIORS[name]())
        return

    network = NETWORKS["LeNet5"].make(3)
    model = model_of(network, PRIORS[name](), LIKELIHOODS["Categorical"])
    new = rebuilt_model(model)
    assert repr(new) == repr(model)
    if name == "LogUniform":
        return  # it has no draws

    x, y = torch.randn(2, 1, 16, 16), torch.tensor([0, 2])
    assert log_density(new, x, y) == log_density(model, x, y)


@pytest.mark.parametrize("name", ALL_LIKELIHOODS)
def test_a_likelihood_is_rebuilt_with_the_same_density(name):
    row = ALL_LIKELIHOODS[name]
    if name in WITHOUT:
        with pytest.raises(NotDescribed, match=WITHOUT[name]):
            described(row.make())
        return

    network = networks.MLP(2, row.outputs, hidden=[3])
    model = model_of(network, PRIORS["WeightPrior"](), row)
    new = rebuilt_model(model)
    x = torch.randn(4, 2)
    assert log_density(new, x, row.targets(4)) == log_density(model, x, row.targets(4))


def test_another_prior_has_another_density():
    network = networks.MLP(2, 3, hidden=[3])
    row = LIKELIHOODS["Categorical"]
    model = model_of(network, priors.WeightPrior(dist.Normal(0.0, 0.5)), row)
    other = model_of(network, priors.WeightPrior(dist.Normal(0.0, 0.6)), row)
    x, y = torch.randn(4, 2), row.targets(4)
    assert log_density(other, x, y) != log_density(model, x, y)


@pytest.mark.parametrize("name", OURS)
def test_a_guide_is_rebuilt_with_the_same_draws(name):
    network = networks.MLP(2, 3, hidden=[3])
    prior = _PRIORS_OF_NODES.get(name, "WeightPrior")
    model = model_of(network, PRIORS[prior](), LIKELIHOODS["Categorical"])
    guide = GUIDES[name](model)
    text = json.loads(json.dumps(describe_guide(guide)))
    new = build_guide(text, rebuilt_model(model))
    new.load_state_dict(guide.state_dict())

    assert repr(new) == repr(guide)
    if name in ("LastLayer", "Resampled"):
        return  # they draw after they have seen data

    draws = []
    for each in (guide, new):
        pyro.set_rng_seed(0)
        draws.append({site: plain(value) for site, value in each().items()})
    for site, value in draws[0].items():
        assert torch.equal(draws[1][site], value)


@pytest.mark.parametrize("name", ["LastLayer", "Resampled"])
def test_a_guide_that_remembers_data_is_rebuilt(name):
    row = LIKELIHOODS["Gaussian"]
    network = networks.MLP(2, row.outputs, hidden=[3])
    model = model_of(network, PRIORS["WeightPrior"](), row)
    guide = GUIDES[name](model)
    new = build_guide(describe_guide(guide), model)
    new.load_state_dict(guide.state_dict())
    x, y = torch.randn(4, 2), row.targets(4)

    draws = []
    for each in (guide, new):
        pyro.set_rng_seed(0)
        draws.append(each(x, y))
    for site, value in draws[0].items():
        assert torch.equal(draws[1][site], value)


@pytest.mark.parametrize(
    "value",
    [
        (1, [2.5, None], {"a": True, 3: "b"}),
        float("inf"),
        torch.tensor([[1.5, -2.0]]),
        torch.tensor([3, 4]),
        torch.full((2, 3), 0.25, dtype=torch.float64),
        dist.Normal(torch.zeros(3), 0.5).to_event(1),
        dist.HalfCauchy(1.0),
        dist.InverseGamma(2.0, 3.0),
        nn.Sequential(nn.Embedding(5, 3, padding_idx=0), nn.PReLU()),
    ],
    ids=str,
)
def test_values_keep_type_and_numbers(value):
    new = again(value)
    assert type(new) is type(value)
    assert describe_value(new) == describe_value(value)


def test_a_tensor_of_many_numbers_is_refused():
    with pytest.raises(NotDescribed, match="20,000 numbers"):
        described(torch.randn(20_000))


def test_a_layer_whose_arguments_have_no_names_is_refused():
    with pytest.raises(NotDescribed, match="GRU takes arguments without names"):
        described(nn.GRU(3, 4))


def test_the_record_survives_copies_and_pickles():
    network = networks.MLP(2, 1, hidden=[3])
    for each in (
        copy.deepcopy(network),
        copy.copy(network),
        pickle.loads(pickle.dumps(network)),
    ):
        assert each.constructed_with["hidden"] == [3]

    model = zoo.BayesianNetwork(
        network, PRIORS["WeightPrior"](), likelihoods.Gaussian(0.1)
    )
    guide = guides.MeanField(model, init_scale=0.2)
    kept = pickle.loads(pickle.dumps(guide))
    assert kept.constructed_with == {"init_scale": 0.2, "max_scale": None}


def test_a_wrong_call_says_what_it_always_said():
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        networks.MLP(2)
    with pytest.raises(TypeError, match="unexpected keyword argument 'width'"):
        networks.MLP(2, 1, width=3)
