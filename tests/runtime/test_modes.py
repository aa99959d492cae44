"""Training mode during a fit: what is in it, and what stays in evaluation mode."""

import pyro.distributions as dist
import pytest
import torch
from torch import nn

import guides
import zoo
from zoo import inference, likelihoods, priors
from zoo.runtime.modes import evaluation_mode, training_mode

NORMAL = dist.Normal(0.0, 1.0)
X = torch.randn(12, 3) + 2
Y = X.sum(-1, keepdim=True)


def modes(network):
    return [layer.training for layer in network.modules()]


def statistics(affine):
    return nn.BatchNorm1d(4, affine=affine)


def network_of(*layers):
    return nn.Sequential(nn.Linear(3, 4), *layers, nn.Linear(4, 1))


def fit(network, rule=NORMAL):
    model = zoo.BayesianNetwork(
        network, priors.WeightPrior(rule), likelihoods.Gaussian(0.5)
    )
    before = modes(network)
    svi = inference.SVI(model, guides.MeanField(model), num_steps=2, progress=False)
    posterior = svi.fit((X, Y))
    assert modes(network) == before
    return posterior


@pytest.mark.parametrize("affine", [True, False])
def test_eval_of_a_part_is_kept(affine):
    network = network_of(statistics(affine), nn.Dropout(0.5))
    assert fit(network).state["1.num_batches_tracked"] == 2

    network[1].eval()
    posterior = fit(network)
    assert posterior.state["1.num_batches_tracked"] == 0
    assert torch.equal(posterior.state["1.running_mean"], torch.zeros(4))
    with training_mode(network):
        assert modes(network) == [True, True, False, True, True]


def test_a_network_in_evaluation_mode_is_trained_as_a_whole():
    network = network_of(statistics(affine=True), nn.Dropout(0.5)).eval()
    with training_mode(network):
        assert all(modes(network))
    assert not any(modes(network))
    assert fit(network).state["1.num_batches_tracked"] == 2


def frozen_body():
    body = nn.Sequential(nn.Linear(3, 4), statistics(affine=False), nn.Dropout(0.5))
    body.requires_grad_(False)
    return nn.Sequential(body, nn.Linear(4, 1))


@pytest.mark.parametrize("is_evaluating", [False, True])
def test_a_frozen_body_stays_in_evaluation_mode_with_all_its_parts(is_evaluating):
    network = frozen_body()
    network.train(not is_evaluating)
    with training_mode(network, ["0.0.weight", "0.0.bias"]):
        assert modes(network) == [True, False, False, False, False, True]
    assert torch.equal(fit(network).state["0.1.running_mean"], torch.zeros(4))


FROZEN_FIRST = priors.last_layer(NORMAL, otherwise=priors.Frozen())
FROZEN_LAST = priors.by_name({"0.*": NORMAL}, otherwise=priors.Frozen())


@pytest.mark.parametrize(
    ("rule", "num_batches"), [(FROZEN_FIRST, 0), (FROZEN_LAST, 2), (NORMAL, 2)]
)
def test_statistics_without_parameters_follow_the_layer_before(rule, num_batches):
    posterior = fit(network_of(statistics(affine=False)), rule)
    assert posterior.state["1.num_batches_tracked"] == num_batches


def test_statistics_before_all_layers_follow_the_first_of_them():
    for is_frozen, num_batches in ((True, 0), (False, 2)):
        network = nn.Sequential(nn.BatchNorm1d(3, affine=False), network_of())
        network[1][0].requires_grad_(not is_frozen)
        assert fit(network).state["0.num_batches_tracked"] == num_batches


def test_a_layer_of_a_frozen_tied_weight_is_frozen():
    network = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    network[1].weight = network[0].weight
    network[1].bias = network[0].bias
    with training_mode(network, ["0.weight", "0.bias"]):
        assert modes(network) == [False, False, False]


def test_modes_come_back_after_an_error():
    network = network_of(nn.Dropout(0.5))
    network[1].eval()
    before = modes(network)
    for mode in (training_mode, evaluation_mode):
        with pytest.raises(ZeroDivisionError), mode(network):
            raise ZeroDivisionError
        assert modes(network) == before


@pytest.mark.filterwarnings("ignore:.*draws diverged")
def test_a_sampler_does_not_move_statistics():
    model = zoo.BayesianNetwork(
        network_of(statistics(affine=False)),
        priors.WeightPrior(NORMAL),
        likelihoods.Gaussian(0.5),
    )
    nuts = inference.NUTS(
        model, num_samples=2, warmup_steps=4, num_chains=1, progress=False
    )
    with pytest.warns(UserWarning, match="uses its running statistics"):
        posterior = nuts.fit((X, Y))
    assert torch.equal(posterior.state["1.running_mean"], torch.zeros(4))
    assert model.network.training
