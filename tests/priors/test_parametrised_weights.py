"""Weights that `torch.nn.utils.parametrize`, or an old hook, computes from other tensors."""

import copy

import pyro.distributions as dist
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize

import guides
import zoo
from zoo import inference, likelihoods, priors

NORMAL = dist.Normal(0.0, 1.0)
X = torch.randn(12, 3)
Y = X.sum(-1, keepdim=True)
WRAPS = {
    "weight_norm": parametrizations.weight_norm,
    "spectral_norm": parametrizations.spectral_norm,
    "orthogonal": parametrizations.orthogonal,
}
HOOKS = {
    "weight_norm": (nn.utils.weight_norm, ["weight_g", "weight_v"]),
    "spectral_norm": (nn.utils.spectral_norm, ["weight_orig"]),
}
pytestmark = pytest.mark.filterwarnings("ignore:There is a performance drop")
wraps = pytest.mark.parametrize("wrap", WRAPS.values(), ids=WRAPS.keys())
hooks = pytest.mark.parametrize(("wrap", "names"), HOOKS.values(), ids=HOOKS.keys())


def network_of(wrap):
    return nn.Sequential(wrap(nn.Linear(3, 4)), nn.Tanh(), wrap(nn.Linear(4, 1)))


def build(prior, network):
    return zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(0.5))


def draw_of(posterior):
    return {name: value[0] for name, value in posterior.sample(1).items()}


def computed(network, values):
    """The weights that a network computes from given tensors, in evaluation mode."""
    twin = copy.deepcopy(network).eval()
    with torch.no_grad():
        for name, tensor in [*twin.named_parameters(), *twin.named_buffers()]:
            tensor.copy_(values[name])
        return twin[0].weight, twin[2].weight


def by_hand(network, values):
    first, last = computed(network, values)
    for site, value in values.items():
        if site.endswith("nodes_in"):
            first, last = (
                (first * value, last) if site[0] == "0" else (first, last * value)
            )
        if site.endswith("nodes_out"):
            z = value[:, None]
            first, last = (first * z, last) if site[0] == "0" else (first, last * z)

    return torch.tanh(X @ first.T + values["0.bias"]) @ last.T + values["2.bias"]


@wraps
@pytest.mark.parametrize("where", [None, "in", "both"])
@pytest.mark.parametrize("make", [guides.MeanField, guides.LocalReparam])
def test_nodes_multiply_the_computed_weight(wrap, where, make):
    network = network_of(wrap)
    prior = priors.WeightPrior(NORMAL)
    if where is not None:
        prior = priors.NodePrior(dist.Normal(1.0, 0.3), where=where, weights=NORMAL)

    model = build(prior, network)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    svi = inference.SVI(model, make(model), num_steps=3, progress=False)
    posterior = svi.fit((X, Y))

    values = {**posterior.state, **draw_of(posterior)}
    with torch.no_grad():
        network.eval()
        output = model.output(values, X)
        network.train()
    assert torch.allclose(output, by_hand(network, values), atol=1e-5)

    after = network.state_dict()
    assert list(after) == list(before)  # no step of a parametrisation is left behind
    assert all(torch.equal(after[name], before[name]) for name in before)


@wraps
def test_a_type_finds_the_tensors_that_its_weight_is_computed_from(wrap):
    network = network_of(wrap)
    plan = priors.WeightPrior(priors.by_type({nn.Linear: NORMAL})).bind(network)
    assert plan.points == []
    last = priors.WeightPrior(priors.last_layer(NORMAL)).bind(network)
    assert all(name.startswith("0.") for name in last.points)
    assert len(last.points) == len(plan.weights) / 2


def test_the_fan_in_of_a_bias_is_that_of_the_computed_weight():
    network = network_of(parametrizations.spectral_norm)
    before = copy.deepcopy(network.state_dict())
    plan = priors.WeightPrior(priors.fan_in()).bind(network)
    assert plan.weights["0.bias"].scale == pytest.approx(3**-0.5)
    assert plan.weights["2.bias"].scale == pytest.approx(0.5)
    after = network.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_the_vectors_of_a_spectral_norm_belong_to_the_fit():
    runs = []
    for compile in ("plain", "traced"):
        torch.manual_seed(1)
        network = network_of(parametrizations.spectral_norm)
        before = copy.deepcopy(network.state_dict())
        model = build(priors.WeightPrior(NORMAL), network)
        svi = inference.SVI(
            model, guides.MeanField(model), num_steps=4, compile=compile, progress=False
        )
        posterior = svi.fit((X, Y))
        runs.append(posterior)
        vector = "0.parametrizations.weight.0._u"
        assert not torch.equal(posterior.state[vector], before[vector])
        assert torch.equal(network.state_dict()[vector], before[vector])

    assert torch.equal(runs[0].info.losses, runs[1].info.losses)
    assert torch.equal(runs[0].state[vector], runs[1].state[vector])


@pytest.mark.parametrize(
    ("engine", "wrap"),
    [
        (inference.MCLMC, parametrizations.weight_norm),
        (inference.MCLMC, parametrizations.spectral_norm),
        pytest.param(
            inference.MCLMC, parametrizations.orthogonal, marks=pytest.mark.slow
        ),
        pytest.param(
            inference.NUTS, parametrizations.orthogonal, marks=pytest.mark.slow
        ),
        pytest.param(
            inference.NUTS, parametrizations.weight_norm, marks=pytest.mark.slow
        ),
    ],
)
def test_a_sampler_takes_computed_weights(engine, wrap):
    prior = priors.NodePrior(dist.Normal(1.0, 0.3), weights=NORMAL)
    model = build(prior, network_of(wrap))
    sampler = engine(model, num_samples=3, warmup_steps=6, num_chains=1, progress=False)
    posterior = sampler.fit((X, Y))
    draw = {name: value[0, 0] for name, value in posterior.draws.items()}
    values = {**posterior.state, **draw}
    model.network.eval()
    expected = by_hand(model.network, values)
    assert torch.allclose(model.output(values, X), expected, atol=1e-5)


@wraps
def test_laplace_takes_computed_weights(wrap):
    model = build(priors.WeightPrior(NORMAL), network_of(wrap))
    engine = inference.Laplace(model, structure="full", num_steps=3, progress=False)
    assert engine.fit((X, Y)).predict(X, num_samples=2).mean.shape == (12, 1)


class LowRank(nn.Module):
    """A low-rank adapter of a weight."""

    def __init__(self):
        super().__init__()
        self.down = nn.Parameter(torch.randn(2, 3))
        self.up = nn.Parameter(torch.zeros(1, 2))

    def forward(self, weight):
        return weight + self.up @ self.down


def test_adapters_that_are_parametrisations_are_all_that_is_random():
    network = nn.Linear(3, 1).requires_grad_(False)
    parametrize.register_parametrization(network, "weight", LowRank())
    adapters = ["parametrizations.weight.0.down", "parametrizations.weight.0.up"]
    for rule in (
        NORMAL,
        priors.by_type({nn.Linear: NORMAL}),
        priors.by_type({LowRank: NORMAL}),
    ):
        model = build(priors.WeightPrior(rule), network)
        assert sorted(model.latents) == adapters
    svi = inference.SVI(model, guides.MeanField(model), num_steps=3, progress=False)
    original = "parametrizations.weight.original"
    assert torch.equal(svi.fit((X, Y)).state[original], network.state_dict()[original])


@hooks
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_weight_that_a_hook_computes_has_priors_and_no_nodes(wrap, names):
    network = network_of(wrap)
    before = network[0].weight
    model = build(priors.WeightPrior(priors.by_type({nn.Linear: NORMAL})), network)
    assert [f"0.{name}" in model.latents for name in names] == [True] * len(names)

    svi = inference.SVI(model, guides.MeanField(model), num_steps=3, progress=False)
    posterior = svi.fit((X, Y))
    assert posterior.predict(X, num_samples=3).mean.shape == (12, 1)
    assert network[0].weight is before  # the hook sets it anew in every call

    with pytest.raises(ValueError, match="nodes cannot multiply the weight of '0'"):
        build(priors.NodePrior(dist.Normal(1.0, 0.3)), network)


@hooks
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_network_of_hooks_is_copied(wrap, names):
    model = build(priors.WeightPrior(NORMAL), network_of(wrap))
    laplace = inference.Laplace(model, structure="diag", num_steps=3, progress=False)
    assert laplace.fit((X, Y)).predict(X, num_samples=2).mean.shape == (12, 1)

    in_double = inference.MCLMC(
        model,
        num_samples=2,
        warmup_steps=4,
        num_chains=1,
        dtype=torch.float64,
        compile="plain",
        progress=False,
    )
    assert in_double.fit((X, Y)).num_samples == 2


def test_kronecker_factors_of_a_computed_weight_are_refused():
    model = build(priors.WeightPrior(NORMAL), network_of(parametrizations.weight_norm))
    engine = inference.Laplace(model, structure="kron", num_steps=3, progress=False)
    with pytest.raises(ValueError, match="is tied or parametrised"):
        engine.fit((X, Y))


@pytest.mark.parametrize(
    "wrap", [parametrizations.spectral_norm, nn.utils.spectral_norm]
)
def test_the_row_of_padding_of_a_computed_weight_stays(wrap):
    network = nn.Sequential(wrap(nn.Embedding(5, 2, padding_idx=1)), nn.Linear(2, 1))
    model = build(priors.WeightPrior(NORMAL), network)
    tokens = torch.arange(12) % 5
    svi = inference.SVI(model, guides.MeanField(model), num_steps=3, progress=False)
    posterior = svi.fit((tokens, Y))
    (table,) = [name for name in model.latents if "orig" in name]
    assert (posterior.sample(3)[table][:, 1] == 0).all()
    assert posterior.predict(tokens, num_samples=3).mean.shape == (12, 1)
