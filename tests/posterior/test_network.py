"""A plain network from a posterior: its values, its function, and what it refuses."""

import copy

import cases
import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn

import guides
import zoo
from zoo import inference, likelihoods, networks, priors
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.function_posterior import FunctionPosterior
from zoo.posterior.laplace_posterior import LaplacePosterior
from zoo.posterior.program_posterior import ProgramPosterior
from zoo.pruning import prune
from zoo.runtime.modes import evaluation_mode

X, Y = torch.randn(6, 2), torch.randn(6, 1)
NOTHING = {"state": {}, "info": None}


def mlp(prior=None):
    prior = prior or priors.WeightPrior(dist.Normal(0.0, 1.0))
    network = networks.MLP(2, 1, hidden=[3])
    return zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(0.5))


def fit(model, guide, data=(X, Y)):
    engine = inference.SVI(model, guide, num_steps=3, lr=0.1, progress=False)
    return engine.fit(data)


def output(network, x):
    with evaluation_mode(network), torch.no_grad():
        return network(x)


def test_the_means_of_a_guide_are_the_parameters_of_a_network_that_can_be_trained_on():
    model = mlp()
    before = copy.deepcopy(model.network.state_dict())
    posterior = fit(model, guides.MeanField(model))
    plain = posterior.network()

    assert type(plain) is type(model.network)
    for name, normal in posterior.distributions().items():
        assert torch.equal(plain.state_dict()[name], normal.mean)

    optimizer = torch.optim.SGD(plain.parameters(), lr=0.1)
    plain(X).square().mean().backward()
    optimizer.step()
    for name, normal in posterior.distributions().items():
        assert not torch.equal(plain.state_dict()[name], normal.mean), name
    for name, value in model.network.state_dict().items():
        assert torch.equal(value, before[name])


def test_it_is_the_network_of_another_model():
    model = mlp()
    plain = fit(model, guides.MeanField(model)).network()
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    other = zoo.BayesianNetwork(plain, prior, likelihoods.Gaussian(0.5))
    start = guides.MeanField(other).distributions()
    for name, value in plain.state_dict().items():
        assert torch.equal(start[name].mean, value)


@cases.each(
    "network, prior",
    [
        ("GRU", "WeightPrior"),
        ("BatchNorm", "by_name+Point"),
        ("LeNet5", "last_layer+Frozen"),
    ],
)
def test_point_estimates_give_the_function_of_the_posterior(network, prior):
    model = cases.model(network, prior, "Gaussian")
    x, y = cases.data(network, "Gaussian")
    posterior = fit(model, guides.Delta(model), (x, y))
    plain = posterior.network()
    f = posterior.predict(x, num_samples=1).functions[0]
    assert torch.allclose(output(plain, x), f, atol=1e-6)
    assert not torch.allclose(output(model.network, x), f, atol=1e-6)

    own = model.network.state_dict()
    assert plain.state_dict().keys() == own.keys()
    for name, value in model.network.named_buffers():
        found = plain.state_dict()[name]
        assert torch.equal(found, posterior.state[name])
        assert value.data_ptr() != found.data_ptr()


@pytest.mark.parametrize("prior", ["NodePrior", "NodePrior+WeightPrior"])
def test_nodes_multiply_the_weights_of_their_layers(prior):
    model = cases.model("MLP", prior, "Gaussian")
    data = cases.data("MLP", "Gaussian")
    posterior = fit(model, guides.Delta(model), data)
    f = posterior.predict(data[0], num_samples=1).functions[0]
    assert torch.allclose(output(posterior.network(), data[0]), f, atol=1e-6)


def test_nodes_of_a_computed_weight_are_refused():
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 1))
    prior = priors.NodePrior(dist.Normal(1.0, 0.1))
    model = zoo.BayesianNetwork(nn.Sequential(layer), prior, likelihoods.Gaussian(0.5))
    posterior = fit(model, guides.MeanField(model))
    with pytest.raises(ValueError, match=r"multiply '0\.weight', which the network"):
        posterior.network()


def test_a_tied_weight_stays_tied():
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 1))
    network[1].weight = network[0].weight
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    model = zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(0.5))
    plain = fit(model, guides.MeanField(model)).network()
    assert plain[0].weight is plain[1].weight
    assert plain[0].weight is not network[0].weight


def test_draws_have_their_mean_and_a_mode_is_itself():
    model = mlp()
    shapes = {name: prior.shape() for name, prior in model.latents.items()}
    draws = {name: torch.randn(2, 5, *shape) for name, shape in shapes.items()}
    centre = {name: torch.randn(shape) for name, shape in shapes.items()}
    of_draws = DrawsPosterior(model, draws=draws, **NOTHING).network()
    around = LaplacePosterior(model, draws=draws, centre=centre, **NOTHING).network()
    for name, value in draws.items():
        mean = value.mean((0, 1))
        assert torch.equal(of_draws.state_dict()[name], mean)
        assert torch.equal(around.state_dict()[name], centre[name])
        assert not torch.equal(mean, value[0, 0])


@pytest.mark.parametrize("guide", ["MCDropout", "Flow", "pyro AutoNormal"])
def test_the_mean_is_that_of_draws(guide):
    model = mlp()
    pyro.set_rng_seed(0)
    posterior = fit(model, cases.GUIDES[guide](model))
    mean = posterior.network().state_dict()
    draws = posterior.sample(2000)
    for name, value in draws.items():
        error = value.std(0) * (1 / 200 + 1 / 2000) ** 0.5 + 1e-6
        distance = (mean[name] - value.mean(0)).abs()
        assert (distance < 4.5 * error).all()  # 13 numbers: 1e-4 by chance
        assert (
            (distance - 0.5).abs() > 4.5 * error
        ).any()  # of a mean that is off by .5


def test_a_reparameterised_tensor_has_the_mean_of_its_own_draws():
    pyro.set_rng_seed(0)
    rule = priors.Hierarchical(dist.HalfNormal(1.0), centred=False)
    model = mlp(priors.WeightPrior(rule))
    posterior = fit(model, guides.MeanField(model, init_scale=0.01))
    mean = posterior.network().state_dict()["layer1.weight"]
    assert torch.allclose(
        mean, posterior.sample(500)["layer1.weight"].mean(0), atol=0.01
    )


def test_pruned_weights_are_zero():
    model = mlp()
    pruned = prune(fit(model, guides.MeanField(model)), fraction=0.5)
    plain = pruned.network().state_dict()
    assert pruned.masks
    for name, mask in pruned.masks.items():
        assert torch.equal(plain[name] == 0, ~mask)


def test_a_posterior_without_weights_has_no_network():
    model = mlp()
    functions = FunctionPosterior(
        model, functions=(X, torch.randn(2, 5, 6, 1)), draws={}, **NOTHING
    )
    program = ProgramPosterior(print, draws={"z": torch.randn(2, 5, 3)}, info=None)
    for posterior in (functions, program):
        with pytest.raises(
            ValueError, match=r"network\(\) needs the weights of a netw"
        ):
            posterior.network()
