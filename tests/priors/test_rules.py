"""Rules that choose a distribution for each tensor, and their composition."""

import pyro.distributions as dist
import pytest
import torch
from torch import nn

import guides
import zoo
from zoo import inference, likelihoods, networks, priors

NORMAL = dist.Normal(0.0, 1.0)


def plan(rule, network=None):
    return priors.WeightPrior(rule).bind(
        network if network is not None else networks.MLP(2, 1, hidden=[3])
    )


def scales(rule, network=None):
    return {
        name: round(law.scale.item(), 4)
        for name, law in plan(rule, network).weights.items()
    }


def test_fan_in_counts_what_enters_an_output():
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
    assert set(scales(priors.fan_in(bias_scale=2.0)).values()) == {
        round(2**-0.5, 4),
        round(3**-0.5, 4),
        2.0,
    }
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

    assert (
        spread(100, priors.fan_in(bias_scale=1.0))
        / spread(10, priors.fan_in(bias_scale=1.0))
        < 1.2
    )
    assert spread(100, NORMAL) / spread(10, NORMAL) > 2


def test_depth_counts_layers_from_both_ends():
    network = networks.MLP(2, 1, hidden=[3, 3])
    rule = priors.by_depth(
        {0: dist.Normal(0.0, 2.0), -1: dist.Normal(0.0, 3.0)}, otherwise=NORMAL
    )
    found = scales(rule, network)
    assert [found[f"layer{i}.weight"] for i in (1, 2, 3)] == [2.0, 1.0, 3.0]
    assert [found[f"layer{i}.bias"] for i in (1, 2, 3)] == [2.0, 1.0, 3.0]
    assert list(priors.NodePrior(priors.by_depth({1: NORMAL})).bind(network).nodes) == [
        "layer2.nodes_in"
    ]
    with pytest.raises(ValueError, match="there is no layer 3: MLP has 3 layers"):
        plan(priors.by_depth({3: NORMAL}), network)


def test_selections_compose_with_rules():
    rule = priors.by_depth(
        {
            0: priors.by_name(
                {"*.bias": priors.Frozen()},
                otherwise=priors.Hierarchical(dist.HalfNormal(1.0)),
            )
        },
        otherwise=priors.by_type(
            {nn.Linear: priors.last_layer(priors.fan_in(), otherwise=priors.moped())}
        ),
    )
    network = networks.MLP(2, 1, hidden=[3, 3])
    bound = plan(rule, network)
    assert bound.frozen == ["layer1.bias"]
    assert isinstance(bound.weights["layer1.weight"], priors.Hierarchical)
    assert torch.equal(bound.weights["layer2.weight"].loc, network.layer2.weight)
    assert bound.weights["layer3.bias"].scale.item() == pytest.approx(3**-0.5)
    assert repr(rule) == (
        "by_depth({0: by_name({'*.bias': Frozen()}, otherwise=Hierarchical(HalfNormal(1), by='layer'))}, "
        "otherwise=by_type({Linear: last_layer(fan_in(1), otherwise=moped(delta=0.1, floor=0.001))}, "
        "otherwise=Point()))"
    )


def test_moped_is_centred_on_the_network_as_it_was():
    network = networks.MLP(2, 1, hidden=[3])
    with torch.no_grad():
        network.layer1.weight[0, 0] = 0.0
        network.layer1.weight[0, 1] = -2.0
    law = plan(priors.moped(delta=0.25, floor=0.01), network).weights["layer1.weight"]
    with torch.no_grad():
        network.layer1.weight[0, 1] = 5.0
    assert (law.loc[0, 1], law.scale[0, 0], law.scale[0, 1]) == (-2.0, 0.01, 0.5)


class Earlier:
    """The posterior of an earlier task, by its laws."""

    def __init__(self, **laws):
        self.laws = {name.replace("__", "."): law for name, law in laws.items()}

    def distributions(self):
        return self.laws


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
    assert (
        repr(rule)
        == "previous(Earlier, otherwise=by_name({'*.bias': Frozen()}, otherwise=Normal(0, 1)))"
    )


@pytest.mark.parametrize("family", [guides.MeanField, guides.LocalReparam])
def test_a_fitted_guide_hands_its_distributions_on(family):
    network = networks.MLP(2, 1, hidden=[3])
    model = zoo.BayesianNetwork(
        network, priors.WeightPrior(NORMAL), likelihoods.Gaussian(0.5)
    )
    data = torch.randn(5, 2), torch.randn(5, 1)
    engine = inference.SVI(model, family(model), num_steps=5, progress=False)
    posterior = engine.fit(data)
    rule = priors.previous(posterior)
    loc = posterior.guide.loc["layer1.weight"].detach().clone()
    engine.fit(data)  # a later fit changes nothing of it
    following = zoo.BayesianNetwork(
        network, priors.WeightPrior(rule), likelihoods.Gaussian(0.5)
    )
    law = following.latents["layer1.weight"]
    assert torch.equal(law.mean, loc)
    assert not law.mean.requires_grad
    again = inference.SVI(
        following, family(following), num_steps=2, progress=False
    ).fit(data)
    assert torch.isfinite(again.info.losses).all()
    assert type(law.base_dist) is dist.Normal  # no lazily sampled draws of the guide's


@pytest.mark.parametrize(
    "family", [guides.FullRank, guides.LowRank, guides.MeanField, guides.Radial]
)
def test_positive_nodes_stay_positive_from_task_to_task(family):
    network, data = (
        networks.MLP(2, 1, hidden=[3]),
        (torch.randn(5, 2), torch.randn(5, 1)),
    )
    rule = dist.Gamma(4.0, 4.0)
    for _ in range(3):
        model = zoo.BayesianNetwork(
            network, priors.NodePrior(rule), likelihoods.Gaussian(0.5)
        )
        posterior = inference.SVI(
            model, family(model, init_scale=2.0), num_steps=2, progress=False
        ).fit(data)
        assert bool((posterior.sample(100)["layer1.nodes_in"] > 0).all())
        law = model.latents["layer1.nodes_in"]
        law.log_prob(torch.ones(2))  # from here on its transform remembers its inverse
        rule = priors.previous(posterior)
    again = guides._base.guide.fixed(law)
    assert torch.allclose(again.log_prob(torch.ones(2)), law.log_prob(torch.ones(2)))


def test_nodes_have_their_previous_posterior_side_by_side():
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
    centres = {name: law.mean.mean().item() for name, law in model.latents.items()}
    assert centres == {
        "layer1.nodes_in": 2.0,
        "layer1.nodes_out": 3.0,
        "layer2.nodes_in": 4.0,
        "layer2.nodes_out": 1.0,
    }


def test_a_previous_posterior_of_another_network_is_refused():
    with pytest.raises(
        ValueError,
        match=r"has the sites other.weight, and MLP none of them; .* keeps the names",
    ):
        plan(priors.previous(Earlier(other__weight=NORMAL)))
    with pytest.raises(
        TypeError,
        match=r"takes a posterior or a guide that has distributions\(\), not 3",
    ):
        priors.previous(3)


def test_a_point_estimate_has_a_distribution_as_its_map_prior():
    with pytest.raises(
        TypeError,
        match=r"the MAP prior of a point estimate is a distribution, not Hierarchical",
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
def test_a_number_that_makes_no_sense_is_refused(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()
