"""Rules that choose a distribution for each tensor, and their composition."""

import pyro.distributions as dist
import pytest
import torch
from torch import nn

import guides
import zoo
from zoo import inference, likelihoods, networks, priors
from zoo.priors.plan import Plan

NORMAL = dist.Normal(0.0, 1.0)


def plan(rule, network=None):
    if network is None:
        network = networks.MLP(2, 1, hidden=[3])
    return priors.WeightPrior(rule).bind(network)


def scales(rule, network=None):
    weights = plan(rule, network).weights
    return {name: round(each.scale.item(), 4) for name, each in weights.items()}


def test_fan_in_is_the_number_of_inputs_of_a_unit():
    network = nn.Sequential(
        nn.Conv2d(4, 6, 3, groups=2),
        nn.BatchNorm2d(6),
        nn.ConvTranspose2d(6, 2, 2),
        nn.Flatten(),
        nn.Linear(25, 1),
    )
    assert scales(priors.fan_in(3.0), network) == {
        "0.weight": round(3 / 18**0.5, 4),
        "0.bias": round(3 / 18**0.5, 4),
        "1.weight": 3.0,
        "1.bias": 3.0,
        "2.weight": round(3 / 24**0.5, 4),
        "2.bias": round(3 / 24**0.5, 4),
        "4.weight": 3 / 5,
        "4.bias": 3 / 5,
    }


def test_biases_may_have_a_scale_of_their_own():
    found = scales(priors.fan_in(bias_scale=2.0))
    assert set(found.values()) == {round(2**-0.5, 4), round(3**-0.5, 4), 2.0}
    assert repr(priors.fan_in(0.5, bias_scale=2.0)) == "fan_in(0.5, bias_scale=2)"


def test_the_bias_of_a_recurrent_layer_has_the_fan_in_of_its_weight():
    found = scales(priors.fan_in(), nn.GRU(4, 9))
    assert found["bias_ih_l0"] == found["weight_ih_l0"] == 0.5
    assert found["bias_hh_l0"] == found["weight_hh_l0"] == round(1 / 3, 4)


def test_under_fan_in_the_width_does_not_change_the_output():
    def spread(width, rule):
        model = zoo.BayesianNetwork(
            networks.MLP(1, 1, hidden=[width]),
            priors.WeightPrior(rule),
            likelihoods.Gaussian(0.1),
        )
        return model.prior_predictive(torch.ones(1, 1), num_samples=2000).outputs.std()

    rule = priors.fan_in(bias_scale=1.0)
    assert spread(100, rule) / spread(10, rule) < 1.2
    assert spread(100, NORMAL) / spread(10, NORMAL) > 2


def test_depth_counts_layers_from_both_ends():
    network = networks.MLP(2, 1, hidden=[3, 3])
    rule = priors.by_depth(
        {0: dist.Normal(0.0, 2.0), -1: dist.Normal(0.0, 3.0)}, otherwise=NORMAL
    )
    found = scales(rule, network)
    assert [found[f"layer{i}.weight"] for i in (1, 2, 3)] == [2.0, 1.0, 3.0]
    assert [found[f"layer{i}.bias"] for i in (1, 2, 3)] == [2.0, 1.0, 3.0]
    nodes = priors.NodePrior(priors.by_depth({1: NORMAL})).bind(network).nodes
    assert list(nodes) == ["layer2.nodes_in"]
    with pytest.raises(ValueError, match="there is no layer 3: MLP has 3 layers"):
        plan(priors.by_depth({3: NORMAL}), network)


def test_selections_compose_with_rules():
    hierarchical = priors.Hierarchical(dist.HalfNormal(1.0))
    first = priors.by_name({"*.bias": priors.Frozen()}, otherwise=hierarchical)
    last = priors.last_layer(priors.fan_in(), otherwise=priors.moped())
    others = priors.by_type({nn.Linear: last})
    rule = priors.by_depth({0: first}, otherwise=others)
    network = networks.MLP(2, 1, hidden=[3, 3])
    bound = plan(rule, network)
    assert bound.frozen == ["layer1.bias"]
    assert isinstance(bound.weights["layer1.weight"], priors.Hierarchical)
    assert torch.equal(bound.weights["layer2.weight"].loc, network.layer2.weight)
    assert bound.weights["layer3.bias"].scale.item() == pytest.approx(3**-0.5)
    assert repr(rule) == (
        "by_depth({0: by_name({'*.bias': Frozen()}, "
        "otherwise=Hierarchical(HalfNormal(1), by='layer'))}, "
        "otherwise=by_type({Linear: last_layer(fan_in(1), "
        "otherwise=moped(delta=0.1, floor=0.001))}, otherwise=Point()))"
    )


def test_moped_is_centred_on_the_weights_at_the_time_of_bind():
    network = networks.MLP(2, 1, hidden=[3])
    with torch.no_grad():
        network.layer1.weight[0, 0] = 0.0
        network.layer1.weight[0, 1] = -2.0
    bound = plan(priors.moped(delta=0.25, floor=0.01), network)
    prior = bound.weights["layer1.weight"]
    with torch.no_grad():
        network.layer1.weight[0, 1] = 5.0
    assert prior.loc[0, 1] == -2.0
    assert prior.scale[0, 0] == 0.01
    assert prior.scale[0, 1] == 0.5


class Earlier:
    """The posterior of an earlier task: a distribution for each site."""

    def __init__(self, **sites):
        self.sites = {name.replace("__", "."): each for name, each in sites.items()}

    def distributions(self):
        return self.sites


def test_a_previous_posterior_is_the_next_prior():
    earlier = Earlier(
        layer1__weight=dist.Normal(torch.ones(3, 2), 0.1).to_event(2),
        head__weight=NORMAL,
    )
    rule = priors.previous(
        earlier, otherwise=priors.by_name({"*.bias": priors.Frozen()}, otherwise=NORMAL)
    )
    network = networks.MLP(2, 1, hidden=[3])
    model = zoo.BayesianNetwork(
        network, priors.WeightPrior(rule), likelihoods.Gaussian(0.5)
    )
    assert torch.equal(model.latents["layer1.weight"].mean, torch.ones(3, 2))
    assert torch.equal(model.latents["layer2.weight"].mean, torch.zeros(1, 3))
    assert model.plan.frozen == ["layer1.bias", "layer2.bias"]
    otherwise = "by_name({'*.bias': Frozen()}, otherwise=Normal(0, 1))"
    assert repr(rule) == f"previous(Earlier, otherwise={otherwise})"


@pytest.mark.parametrize("family", [guides.MeanField, guides.LocalReparam])
def test_the_distributions_of_a_fitted_guide_are_the_next_prior(family):
    network = networks.MLP(2, 1, hidden=[3])
    model = zoo.BayesianNetwork(
        network, priors.WeightPrior(NORMAL), likelihoods.Gaussian(0.5)
    )
    data = torch.randn(5, 2), torch.randn(5, 1)
    engine = inference.SVI(model, family(model), num_steps=5, progress=False)
    posterior = engine.fit(data)
    rule = priors.previous(posterior)
    loc = posterior.guide.loc["layer1.weight"].detach().clone()
    engine.fit(data)  # a later fit does not change the rule
    following = zoo.BayesianNetwork(
        network, priors.WeightPrior(rule), likelihoods.Gaussian(0.5)
    )
    prior = following.latents["layer1.weight"]
    assert torch.equal(prior.mean, loc)
    assert not prior.mean.requires_grad
    again = inference.SVI(
        following, family(following), num_steps=2, progress=False
    ).fit(data)
    assert torch.isfinite(again.info.losses).all()
    assert type(prior.base_dist) is dist.Normal  # whose draws are plain tensors


@pytest.mark.parametrize(
    "family", [guides.FullRank, guides.LowRank, guides.MeanField, guides.Radial]
)
def test_positive_nodes_stay_positive_from_task_to_task(family):
    network = networks.MLP(2, 1, hidden=[3])
    data = (torch.randn(5, 2), torch.randn(5, 1))
    rule = dist.Gamma(4.0, 4.0)
    for _ in range(3):
        model = zoo.BayesianNetwork(
            network, priors.NodePrior(rule), likelihoods.Gaussian(0.5)
        )
        posterior = inference.SVI(
            model, family(model, init_scale=2.0), num_steps=2, progress=False
        ).fit(data)
        assert bool((posterior.sample(100)["layer1.nodes_in"] > 0).all())
        prior = model.latents["layer1.nodes_in"]
        prior.log_prob(torch.ones(2))  # its transform then caches its inverse
        rule = priors.previous(posterior)
    again = guides._base.guide.fixed(prior)
    ones = torch.ones(2)
    assert torch.allclose(again.log_prob(ones), prior.log_prob(ones))


def test_nodes_of_each_side_have_their_previous_posterior():
    earlier = Earlier(
        layer1__nodes_in=dist.Normal(torch.full((2,), 2.0), 0.1).to_event(1),
        layer1__nodes_out=dist.Normal(torch.full((3,), 3.0), 0.1).to_event(1),
        layer2__nodes_in=dist.Normal(torch.full((3,), 4.0), 0.1).to_event(1),
    )
    rule = priors.previous(earlier, otherwise=dist.Normal(1.0, 0.3))
    network = networks.MLP(2, 1, hidden=[3])
    model = zoo.BayesianNetwork(
        network, priors.NodePrior(rule, where="both"), likelihoods.Gaussian(0.5)
    )
    means = {name: each.mean.mean().item() for name, each in model.latents.items()}
    assert means == {
        "layer1.nodes_in": 2.0,
        "layer1.nodes_out": 3.0,
        "layer2.nodes_in": 4.0,
        "layer2.nodes_out": 1.0,
    }


def test_a_previous_posterior_of_another_network_is_refused():
    with pytest.raises(
        ValueError,
        match=r"has the sites other.weight, but MLP has none of them; .* the same names",
    ):
        plan(priors.previous(Earlier(other__weight=NORMAL)))
    with pytest.raises(
        TypeError,
        match=r"needs a fitted posterior or a guide, with a method distributions\(\), not 3",
    ):
        priors.previous(3)


def test_a_point_estimate_has_a_distribution_as_its_map_prior():
    with pytest.raises(
        TypeError,
        match=r"the MAP prior of a point estimate must be a distribution, not Hierarchical",
    ):
        priors.Point(priors.Hierarchical(dist.HalfNormal(1.0)))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            lambda: priors.fan_in(0.0),
            "scale is a standard deviation and must be positive, not 0.0",
        ),
        (
            lambda: priors.fan_in(bias_scale=-1.0),
            "bias_scale is a standard deviation and must be positive, not -1.0",
        ),
        (lambda: priors.moped(delta=0.0), "delta must be positive, not 0.0"),
        (
            lambda: priors.correlated_filters(lengthscale=0.0),
            "lengthscale must be positive, not 0.0",
        ),
    ],
)
def test_arguments_that_are_not_positive_are_refused(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()


@pytest.mark.parametrize("rule", [1.0, "normal", None, dist.Normal, [NORMAL]])
def test_what_is_no_rule_is_answered_with_the_right_call(rule):
    sentence = r"is none of them; write priors.WeightPrior\(dist.Normal\(0.0, 1.0\)\)"
    with pytest.raises(TypeError, match=sentence):
        priors.WeightPrior(rule)
    sentence = r"is none of them; write priors.NodePrior\(dist.Normal\(1.0, 0.3\)\)"
    with pytest.raises(TypeError, match=sentence):
        priors.NodePrior(rule)
    with pytest.raises(TypeError, match=r"write weights=dist.Normal\(0.0, 1.0\)"):
        priors.NodePrior(NORMAL, weights=rule)


def test_a_value_inside_a_selection_that_is_no_rule_is_refused():
    sentence = r"0.5 is none of them; write priors.WeightPrior\(dist.Normal"
    with pytest.raises(TypeError, match=sentence):
        plan(priors.by_name({"*.bias": 0.5}, otherwise=NORMAL))


class FrozenBiases:
    """A prior as a user writes it."""

    def bind(self, network):
        weights = {}
        for name, _ in network.named_parameters():
            weights[name] = priors.Frozen() if name.endswith("bias") else NORMAL
        return Plan(weights)


def test_a_prior_of_your_own_needs_bind_only():
    network = networks.MLP(2, 1, hidden=[3])
    model = zoo.BayesianNetwork(network, FrozenBiases(), likelihoods.Gaussian(0.5))
    assert isinstance(FrozenBiases(), priors.Prior)
    assert list(model.latents) == ["layer1.weight", "layer2.weight"]
    assert model.plan.frozen == ["layer1.bias", "layer2.bias"]


def test_a_wrong_name_is_answered_with_the_right_call():
    sentence = (
        r"no attribute 'Normal'; write priors.WeightPrior\(dist.Normal\(0.0, 1.0\)\)"
    )
    with pytest.raises(AttributeError, match=sentence):
        _ = priors.Normal
    sentence = "module 'zoo.priors' has no attribute 'Wishart'"
    with pytest.raises(AttributeError, match=sentence):
        _ = priors.Wishart
    assert dir(priors) == sorted(priors.__all__)
