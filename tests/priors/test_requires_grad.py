"""`requires_grad_(False)` freezes: no prior and no movement, unless the prior has the name."""

import warnings

import pyro.distributions as dist
import pytest
import torch
from torch import nn

import guides
import zoo
from zoo import inference, likelihoods, priors

NORMAL = dist.Normal(0.0, 1.0)
X = torch.randn(12, 3)
Y = X.sum(-1, keepdim=True)


def pretrained():
    """A frozen body and a head, as in any recipe of transfer learning."""
    body = nn.Sequential(nn.Linear(3, 4), nn.Tanh())
    body.requires_grad_(False)
    return nn.Sequential(body, nn.Linear(4, 1))


def build(prior, network=None):
    network = pretrained() if network is None else network
    return zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(0.1))


HEAD = ["1.bias", "1.weight"]
BODY = ["0.0.weight", "0.0.bias"]
RULES = {
    "one distribution": NORMAL,
    "fan-in": priors.fan_in(),
    "a function of all": lambda name, w: dist.Normal(0.0, w[:1].numel() ** -0.5),
    "weights of all": lambda name, w: NORMAL,
    "by type": priors.by_type({nn.Linear: NORMAL}),
    "a pattern": priors.by_name({"*.weight": NORMAL, "0.*": NORMAL}, otherwise=NORMAL),
    "last layer": priors.last_layer(NORMAL),
    "moped": priors.moped(),
    "by depth": priors.by_depth({0: NORMAL, -1: NORMAL}),
}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())
def test_a_frozen_body_has_no_prior(rule):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = build(priors.WeightPrior(rule))
    assert sorted(model.latents) == HEAD
    assert model.plan.frozen == BODY
    assert model.plan.points == []


def test_a_random_scale_is_only_made_for_what_is_random():
    model = build(priors.WeightPrior(priors.Hierarchical(dist.HalfNormal(1.0))))
    assert [name for name in model.latents if "0.0" in name] == []


def test_nodes_multiply_frozen_weights():
    model = build(priors.NodePrior(dist.Normal(1.0, 0.3)))
    assert sorted(model.latents) == ["0.0.nodes_in", "1.nodes_in"]
    assert model.plan.frozen == BODY
    assert model.plan.points == ["1.weight", "1.bias"]


GUIDES = [guides.MeanField, guides.LocalReparam, guides.Flipout, guides.MCDropout]


@pytest.mark.parametrize("make", GUIDES)
@pytest.mark.parametrize(
    "rule", [NORMAL, priors.last_layer(NORMAL)], ids=["all", "last"]
)
def test_a_frozen_body_does_not_move(make, rule):
    model = build(priors.WeightPrior(rule))
    before = model.network[0][0].weight.clone()
    svi = inference.SVI(model, make(model), num_steps=3, progress=False)
    posterior = svi.fit((X, Y))
    assert torch.equal(posterior.state["0.0.weight"], before)
    assert "0.0.weight" not in posterior.sample(2)


@pytest.mark.parametrize("engine", [inference.NUTS, inference.MCLMC])
def test_a_sampler_takes_a_frozen_body(engine):
    for rule in (NORMAL, priors.last_layer(NORMAL)):
        model = build(priors.WeightPrior(rule))
        before = model.network[0][0].weight.clone()
        sampler = engine(
            model, num_samples=3, warmup_steps=6, num_chains=1, progress=False
        )
        posterior = sampler.fit((X, Y))
        assert sorted(posterior.draws) == HEAD
        assert torch.equal(posterior.state["0.0.weight"], before)


def test_laplace_takes_a_frozen_body():
    model = build(priors.WeightPrior(NORMAL))
    before = model.network[0][0].weight.clone()
    engine = inference.Laplace(model, structure="full", num_steps=3, progress=False)
    posterior = engine.fit((X, Y))
    assert posterior.info.num_parameters == 5
    assert torch.equal(posterior.state["0.0.weight"], before)


def test_only_adapters_of_low_rank_are_random():
    class LowRankAdapter(nn.Module):
        def __init__(self, base):
            super().__init__()
            self.base = base.requires_grad_(False)
            self.down = nn.Parameter(torch.randn(2, 3))
            self.up = nn.Parameter(torch.zeros(1, 2))

        def forward(self, x):
            return self.base(x) + x @ self.down.T @ self.up.T

    network = LowRankAdapter(nn.Linear(3, 1))
    model = build(priors.WeightPrior(NORMAL), network)
    assert sorted(model.latents) == ["down", "up"]
    svi = inference.SVI(model, guides.LocalReparam(model), num_steps=3, progress=False)
    assert torch.equal(svi.fit((X, Y)).state["base.weight"], network.base.weight)


NAMED = {
    "by name": priors.by_name({"0.0.weight": NORMAL}, otherwise=priors.Frozen()),
    "inside a selection": priors.by_type(
        {nn.Linear: priors.by_name({"0.0.weight": NORMAL})}
    ),
    "a function": lambda name, w: NORMAL if name == "0.0.weight" else None,
}


@pytest.mark.parametrize("rule", NAMED.values(), ids=NAMED.keys())
def test_a_prior_that_names_a_frozen_tensor_wins_with_a_sentence(rule):
    sentence = (
        r"the prior names 0\.0\.weight of Sequential, so that requires_grad=False"
    )
    with pytest.warns(UserWarning, match=sentence) as caught:
        model = build(priors.WeightPrior(rule))
    assert len(caught) == 1
    assert list(model.latents) == ["0.0.weight"]
    assert "0.0.bias" in model.plan.frozen


def test_a_previous_posterior_names_its_sites():
    network = nn.Linear(3, 1)
    posterior = guides.MeanField(build(priors.WeightPrior(NORMAL), network))
    network.weight.requires_grad_(False)
    with pytest.warns(UserWarning, match="the prior names weight of Linear"):
        model = build(priors.WeightPrior(priors.previous(posterior)), network)
    assert sorted(model.latents) == ["bias", "weight"]


def test_to_freeze_a_frozen_tensor_by_name_is_no_contradiction():
    rule = priors.by_name({"0.0.weight": priors.Frozen()}, otherwise=NORMAL)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert sorted(build(priors.WeightPrior(rule)).latents) == HEAD


def test_a_network_that_is_frozen_as_a_whole_is_refused():
    network = pretrained().requires_grad_(False)
    with pytest.raises(
        ValueError, match="4 of its parameters have requires_grad=False"
    ):
        build(priors.WeightPrior(NORMAL), network)


def test_flags_are_read_when_the_model_is_built():
    model = build(priors.WeightPrior(NORMAL))
    model.network.requires_grad_(True)
    assert sorted(model.latents) == HEAD


class Mixed(nn.Module):
    """A network with a table of integers, and a parameter without elements."""

    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(torch.tensor([2, 0, 1]), requires_grad=False)
        self.empty = nn.Parameter(torch.zeros(0, 3))
        self.linear = nn.Linear(3, 1)

    def forward(self, x):
        return self.linear(torch.cat([x[:, self.table], self.empty]))


def test_integers_and_tensors_without_elements_are_frozen():
    model = build(priors.WeightPrior(NORMAL), Mixed())
    assert model.plan.frozen == ["table", "empty"]
    assert model.first_parameter.dtype == torch.float32
    svi = inference.SVI(model, guides.MeanField(model), num_steps=3, progress=False)
    assert svi.fit((X, Y)).predict(X, num_samples=2).mean.shape == (12, 1)
    model.likelihood = likelihoods.Gaussian(2.0)
    nuts = inference.NUTS(
        model, num_samples=4, warmup_steps=8, num_chains=1, progress=False
    )
    assert nuts.fit((X, Y)).state["table"].dtype == torch.int64


def test_a_prior_for_integers_is_refused():
    rule = priors.by_name({"table": NORMAL}, otherwise=NORMAL)
    with pytest.raises(
        ValueError, match=r"the parameter table has the dtype torch\.int64"
    ):
        build(priors.WeightPrior(rule), Mixed())


def test_a_file_of_a_frozen_body_names_what_differs(tmp_path):
    model = build(priors.WeightPrior(NORMAL))
    svi = inference.SVI(model, guides.MeanField(model), num_steps=3, progress=False)
    posterior = svi.fit((X, Y))
    path = tmp_path / "posterior.safetensors"
    posterior.save(path)

    unfrozen = build(priors.WeightPrior(NORMAL), pretrained().requires_grad_(True))
    with pytest.raises(
        ValueError, match=r"file frozen \(4, 3\), model random \(4, 3\)"
    ):
        zoo.load(path, unfrozen, guide=guides.MeanField(unfrozen))

    fresh = build(priors.WeightPrior(NORMAL))
    again = zoo.load(path, fresh, guide=guides.MeanField(fresh))
    torch.manual_seed(1)
    expected = posterior.predict(X, num_samples=2).outputs
    torch.manual_seed(1)
    assert torch.equal(again.predict(X, num_samples=2).outputs, expected)


ENGINES = {
    "SVI": lambda m: inference.SVI(m, guides.MeanField(m), num_steps=1, progress=False),
    "MCLMC": lambda m: inference.MCLMC(
        m, warmup_steps=2, num_samples=4, init="prior", compile=False, progress=False
    ),
    "Laplace": lambda m: inference.Laplace(m, num_steps=1, progress=False),
}


@pytest.mark.parametrize("make", ENGINES.values(), ids=ENGINES.keys())
@pytest.mark.parametrize("frozen_first", [True, False])
def test_a_change_after_the_model_was_built_is_said(make, frozen_first):
    network = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1))
    network[0].requires_grad_(not frozen_first)
    engine = make(build(priors.WeightPrior(NORMAL), network))

    network[0].requires_grad_(frozen_first)
    with pytest.warns(UserWarning, match=r"0\.bias and of 1 more has changed since"):
        engine.fit((X, Y))
