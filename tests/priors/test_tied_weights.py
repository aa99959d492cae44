"""Tied weights: one site, one value in all places, and the nodes of each place by themselves."""

import pyro.distributions as dist
import pytest
import torch
from monte_carlo import LIMIT, off
from torch import nn
from torch.func import functional_call

import guides
import zoo
from zoo import inference, likelihoods, priors
from zoo.priors.plan import Plan

NORMAL = dist.Normal(0.0, 1.0)
TOKENS = torch.randint(5, (12,))
NEXT = (TOKENS + 1) % 5


class Tied(nn.Module):
    """A language model whose last layer has the weight of its embedding."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(5, 3)
        self.mix = nn.Linear(3, 3)
        self.out = nn.Linear(3, 5, bias=False)
        self.out.weight = self.embed.weight

    def forward(self, tokens):
        return self.out(torch.tanh(self.mix(self.embed(tokens))))


class Twice(nn.Module):
    """One layer that is used under two names."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 3)
        self.second = self.first

    def forward(self, x):
        return self.second(torch.tanh(self.first(x)))


def build(prior, network=None):
    network = Tied() if network is None else network
    return zoo.BayesianNetwork(network, prior, likelihoods.Categorical())


PRIORS = {
    "weights": priors.WeightPrior(NORMAL),
    "nodes": priors.NodePrior(dist.Normal(1.0, 0.3)),
    "outputs": priors.NodePrior(dist.Normal(1.0, 0.3), where="out"),
    "both": priors.NodePrior(dist.Normal(1.0, 0.3), where="both", weights=NORMAL),
}


def by_hand(values, tokens):
    """The output, with every product written out."""
    embed, mix, bias = (
        values[f"{name}"] for name in ("embed.weight", "mix.weight", "mix.bias")
    )
    out = embed
    ones = torch.ones(5)
    mix = values.get("mix.nodes_out", ones[:3])[:, None] * mix
    mix = mix * values.get("mix.nodes_in", ones[:3])
    out = values.get("out.nodes_out", ones)[:, None] * out
    out = out * values.get("out.nodes_in", ones[:3])

    return torch.tanh(embed[tokens] @ mix.T + bias) @ out.T


@pytest.mark.parametrize("prior", PRIORS.values(), ids=PRIORS.keys())
@pytest.mark.parametrize(
    "make", [guides.MeanField, guides.LocalReparam, guides.Flipout]
)
def test_a_draw_gives_the_output_by_hand(prior, make):
    model = build(prior)
    svi = inference.SVI(model, make(model), num_steps=3, progress=False)
    posterior = svi.fit((TOKENS, NEXT))
    draw = {name: value[0] for name, value in posterior.sample(1).items()}
    values = {**posterior.state, **draw}
    output = model.output(values, TOKENS)
    assert torch.allclose(output, by_hand(values, TOKENS), atol=1e-5)
    if "out.nodes_in" in draw:
        without = {**values, "out.nodes_in": torch.ones(3)}
        assert not torch.allclose(output, by_hand(without, TOKENS), atol=1e-5)
    assert posterior.predict(TOKENS, num_samples=2).probs.shape == (12, 5)


def test_a_tied_weight_is_one_site():
    assert list(build(PRIORS["weights"]).latents) == [
        "embed.weight",
        "mix.weight",
        "mix.bias",
    ]


@pytest.mark.parametrize("engine", [inference.NUTS, inference.MCLMC])
def test_a_sampler_takes_tied_weights_with_nodes(engine):
    prior = priors.NodePrior(dist.Normal(1.0, 0.3), weights=NORMAL)
    model = build(prior)
    sampler = engine(model, num_samples=3, warmup_steps=6, num_chains=1, progress=False)
    posterior = sampler.fit((TOKENS, NEXT))
    values = {name: draws[0, 0] for name, draws in posterior.draws.items()}
    output = model.output({**posterior.state, **values}, TOKENS)
    assert torch.allclose(output, by_hand(values, TOKENS), atol=1e-5)


def test_a_layer_under_two_names_is_one_layer():
    network = Twice()
    before = network.first.weight
    model = build(PRIORS["both"], network)
    assert sorted(model.latents) == [
        "first.bias",
        "first.nodes_in",
        "first.nodes_out",
        "first.weight",
    ]
    values = {name: torch.randn(prior.shape()) for name, prior in model.latents.items()}
    weight = values["first.nodes_out"][:, None] * values["first.weight"]
    weight = weight * values["first.nodes_in"]
    x = torch.randn(4, 3)
    hidden = torch.tanh(x @ weight.T + values["first.bias"])
    expected = hidden @ weight.T + values["first.bias"]
    assert torch.allclose(model.output(values, x), expected, atol=1e-5)
    assert network.first.weight is network.second.weight is before


def test_a_call_with_the_names_of_one_layer_twice_would_corrupt_the_network():
    network = Twice()
    before = network.first.weight
    tensors = {"first.weight": torch.zeros(3, 3), "second.weight": torch.ones(3, 3)}
    functional_call(network, tensors, (torch.randn(4, 3),), tie_weights=False)
    assert network.first.weight is not before


def test_any_name_of_a_tied_weight_chooses_it():
    for name in ("embed.weight", "out.weight", "out.*"):
        plan = priors.WeightPrior(priors.by_name({name: NORMAL})).bind(Tied())
        assert plan.weights["embed.weight"] is NORMAL, name
        assert plan.points == ["mix.weight", "mix.bias"]


def test_a_tied_weight_has_the_types_of_all_its_layers():
    plan = priors.WeightPrior(priors.by_type({nn.Linear: NORMAL})).bind(Tied())
    assert plan.weights["embed.weight"] is NORMAL
    wide = dist.Normal(0.0, 3.0)
    rule = priors.by_type({nn.Linear: NORMAL, nn.Embedding: wide})
    assert priors.WeightPrior(rule).bind(Tied()).weights["embed.weight"] is wide


@pytest.mark.parametrize(
    "rule", [priors.last_layer(NORMAL), priors.by_depth({-1: NORMAL})]
)
def test_a_prior_of_the_tied_layer_alone_is_refused(rule):
    sentence = r"out\.weight is tied to embed\.weight of another layer.*by_name"
    with pytest.raises(ValueError, match=sentence):
        priors.WeightPrior(rule).bind(Tied())


def test_a_tied_frozen_weight_is_frozen_in_both_places():
    network = Tied()
    network.embed.requires_grad_(False)
    model = build(PRIORS["weights"], network)
    assert model.plan.frozen == ["embed.weight"]


def test_a_buffer_that_layers_share_is_one_buffer():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Linear(3, 3), nn.Linear(3, 3)
            scale = torch.full((3,), 2.0)
            self.one.register_buffer("scale", scale, persistent=False)
            self.two.register_buffer("scale", scale, persistent=False)

        def forward(self, x):
            return self.two(self.one(x) * self.one.scale) * self.two.scale

    network = Shared()
    model = build(PRIORS["weights"], network)
    values = dict(network.named_parameters())
    output = model.output({**values, "one.scale": torch.zeros(3)}, torch.randn(2, 3))
    assert torch.equal(output, torch.zeros(2, 3))


def test_a_summary_names_the_layer_of_a_tied_weight():
    summary = build(PRIORS["both"]).summary()
    last = summary.table.rows[-1]
    assert (last.layer, last.weights) == ("out", 0)
    assert last.prior_of_weights == "that of embed.weight"
    assert last.prior_of_nodes == "in: Normal(1, 0.3); out: Normal(1, 0.3)"
    assert summary.weights == 5 * 3 + 3 * 3 + 3


def test_a_plan_of_ones_own_may_leave_parameters_out():
    class OnlyEmbedding:
        def bind(self, network):
            return Plan({"embed.weight": NORMAL})

    model = build(OnlyEmbedding())
    assert model.output(dict(model.network.named_parameters()), TOKENS).shape == (12, 5)


class Sum(nn.Module):
    """Two layers of one weight, whose sum is linear in it."""

    def __init__(self):
        super().__init__()
        self.one = nn.Linear(2, 1, bias=False)
        self.two = nn.Linear(2, 1, bias=False)
        self.two.weight = self.one.weight

    def forward(self, x):
        return self.one(x[:, :2]) + self.two(x[:, 2:])


def laplace(structure):
    model = zoo.BayesianNetwork(
        Sum(), priors.WeightPrior(NORMAL), likelihoods.Gaussian(0.5)
    )
    engine = inference.Laplace(
        model.double(),
        structure=structure,
        num_samples=4000,
        num_steps=300,
        lr=0.05,
        progress=False,
    )
    x = torch.randn(20, 4).double()
    y = x.sum(-1, keepdim=True)
    return engine.fit((x, y)), x[:, :2] + x[:, 2:], y


def test_the_curvature_of_a_tied_weight_is_that_of_both_places():
    posterior, design, y = laplace("full")
    precision = design.T @ design / 0.5**2 + torch.eye(2)
    covariance = precision.inverse()
    mean = covariance @ design.T @ y[:, 0] / 0.5**2
    draws = posterior.sample()["one.weight"][:, 0]
    assert off(draws, mean) < LIMIT
    assert off((draws - mean).square(), covariance.diagonal()) < LIMIT
    assert off((draws - mean).square(), covariance.diagonal() / 2) > LIMIT


def test_kronecker_factors_of_a_tied_weight_are_refused():
    with pytest.raises(ValueError, match=r"one\.weight is tied or parametrised"):
        laplace("kron")
