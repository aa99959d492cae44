"""Weight priors: which tensors are random, and which are point estimates or frozen."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from torch import nn

import guides
import zoo
from zoo import inference, likelihoods, networks, priors

NORMAL = dist.Normal(0.0, 1.0)


def plan(rule, network=None):
    if network is None:
        network = networks.MLP(2, 1, hidden=[3])
    return priors.WeightPrior(rule).bind(network)


def test_a_distribution_is_for_every_parameter():
    assert list(plan(NORMAL).weights) == [
        "layer1.weight",
        "layer1.bias",
        "layer2.weight",
        "layer2.bias",
    ]


def test_a_callable_gets_name_and_parameter():
    def rule(name, parameter):
        if name.endswith("weight"):
            return dist.Normal(0.0, parameter[0].numel() ** -0.5)
        return None

    bound = plan(rule)
    assert bound.weights["layer2.weight"].scale.item() == pytest.approx(3**-0.5)
    assert bound.points == ["layer1.bias", "layer2.bias"]


def test_selections_nest():
    bias = priors.by_name(
        {"layer2.*": priors.Frozen()}, otherwise=dist.Normal(0.0, 10.0)
    )
    bound = plan(
        priors.by_name({"*.bias": bias}, otherwise=priors.by_type({nn.Linear: NORMAL}))
    )
    assert bound.weights["layer1.bias"].scale == 10.0
    assert bound.frozen == ["layer2.bias"]
    assert bound.weights["layer1.weight"].scale == 1.0


def test_the_first_pattern_that_matches_decides():
    bound = plan(
        priors.by_name({"layer1.weight": dist.Normal(0.0, 3.0), "*.weight": NORMAL})
    )
    assert bound.weights["layer1.weight"].scale == 3.0
    assert bound.weights["layer2.weight"].scale == 1.0


def test_a_type_decides_for_the_layers_that_own_the_parameters():
    network = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2, 1)
    )
    bound = plan(
        priors.by_type({nn.Conv2d: NORMAL}, otherwise=priors.Frozen()), network
    )
    assert bound.frozen == ["1.weight", "1.bias", "3.weight", "3.bias"]
    assert bound.points == []
    everything_but = plan(priors.all_but_normalisation(NORMAL), network)
    assert everything_but.points == ["1.weight", "1.bias"]


def test_the_last_layer():
    bound = plan(
        priors.last_layer(NORMAL, otherwise=priors.Frozen()),
        networks.LeNet5(3, image_size=16),
    )
    random = [name for name in bound.weights if name not in bound.frozen]
    assert random == ["classifier.5.weight", "classifier.5.bias"]


def test_a_distribution_of_a_tensors_own_shape():
    scale = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    model = zoo.BayesianNetwork(
        networks.MLP(2, 1, hidden=[3]),
        priors.WeightPrior(
            priors.by_name(
                {"layer1.weight": dist.Normal(0.0, scale)}, otherwise=priors.Frozen()
            )
        ),
        likelihoods.Gaussian(0.1),
    )
    prior = model.latents["layer1.weight"]
    assert torch.equal(prior.base_dist.scale, scale)
    value = torch.ones(3, 2)
    assert torch.allclose(
        prior.log_prob(value), dist.Normal(0.0, scale).log_prob(value).sum()
    )


def test_a_joint_distribution_over_a_tensor():
    covariance = torch.tensor([[1.0, 0.9], [0.9, 1.0]])
    model = zoo.BayesianNetwork(
        networks.MLP(2, 1, hidden=[]),
        priors.WeightPrior(
            priors.by_name(
                {"*.weight": dist.MultivariateNormal(torch.zeros(2), covariance)},
                otherwise=NORMAL,
            )
        ),
        likelihoods.Gaussian(0.1),
    )
    draws = torch.stack(
        [model.latents["layer1.weight"].sample() for _ in range(500)]
    ).squeeze()
    assert draws.T.corrcoef()[0, 1] > 0.8
    for guide in (guides.MeanField(model), guides.Delta(model)):
        inference.SVI(model, guide, num_steps=2, progress=False).fit(
            (torch.randn(5, 2), torch.randn(5, 1))
        )


@pytest.mark.parametrize(
    "prior",
    [
        dist.Laplace(0.0, 1.0),
        dist.StudentT(3.0, 0.0, 1.0),
        dist.Cauchy(0.0, 1.0),
        dist.Uniform(-2.0, 2.0),
        dist.LogNormal(0.0, 1.0),
        dist.MixtureSameFamily(
            dist.Categorical(torch.tensor([0.5, 0.5])),
            dist.Normal(torch.zeros(2), torch.tensor([0.1, 1.0])),
        ),
    ],
    ids=lambda prior: type(prior).__name__,
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_any_distribution_is_a_prior(prior, dtype):
    network = networks.MLP(2, 1, hidden=[3]).to(dtype)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.abs_().clamp_(0.1, 1.0)  # inside every support
    model = zoo.BayesianNetwork(
        network, priors.WeightPrior(prior), likelihoods.Gaussian(0.5)
    )
    data = torch.randn(5, 2), torch.randn(5, 1)
    for guide in (guides.MeanField(model), guides.LocalReparam(model)):
        posterior = inference.SVI(model, guide, num_steps=2, progress=False).fit(data)
        assert torch.isfinite(posterior.info.losses).all()
        value = posterior.sample(2)["layer1.weight"]
        assert value.dtype == dtype
        assert model.latents["layer1.weight"].support.check(value).all()


def test_point_estimates_are_added_with_their_map_prior():
    model = zoo.BayesianNetwork(
        networks.MLP(2, 1, hidden=[]),
        priors.WeightPrior(
            priors.by_name(
                {"*.bias": NORMAL}, otherwise=priors.Point(dist.Normal(0.0, 0.5))
            )
        ),
        likelihoods.Gaussian(0.1),
    )
    with pyro.get_param_store().scope():
        trace = poutine.trace(model).get_trace(torch.zeros(3, 2), torch.zeros(3, 1))
    weight = model.network.layer1.weight
    expected = dist.Normal(0.0, 0.5).log_prob(weight).sum()
    trace.compute_log_prob()
    assert torch.allclose(trace.nodes["layer1.weight:prior"]["log_prob_sum"], expected)


def test_a_point_estimate_with_a_prior_reaches_the_maximum_of_the_posterior():
    x, noise, scale = torch.randn(30, 2), 0.5, 0.3
    y = x @ torch.tensor([[1.0], [-2.0]]) + noise * torch.randn(30, 1)
    rule = priors.by_name(
        {"layer1.bias": dist.Normal(0.0, scale)},
        otherwise=priors.Point(dist.Normal(0.0, scale)),
    )
    model = zoo.BayesianNetwork(
        networks.MLP(2, 1, hidden=[]),
        priors.WeightPrior(rule),
        likelihoods.Gaussian(noise),
    )
    engine = inference.SVI(
        model, guides.Delta(model), num_steps=600, lr=0.05, progress=False
    )
    posterior = engine.fit((x, y))
    design = torch.cat([x, torch.ones(30, 1)], -1)
    ridge = torch.linalg.solve(
        design.T @ design + (noise / scale) ** 2 * torch.eye(3), design.T @ y
    ).squeeze()
    assert torch.allclose(
        posterior.state["layer1.weight"].squeeze(), ridge[:2], atol=1e-3
    )
    assert torch.allclose(
        posterior.sample(1)["layer1.bias"].squeeze(), ridge[2], atol=1e-3
    )
    least_squares = torch.linalg.lstsq(design, y).solution.squeeze()
    assert not torch.allclose(ridge, least_squares, atol=1e-2)  # without the prior


def test_noise_alone_may_be_random():
    rule = priors.WeightPrior(priors.Point())
    model = zoo.BayesianNetwork(
        networks.MLP(2, 1, hidden=[3]), rule, likelihoods.Gaussian(dist.HalfNormal(1.0))
    )
    x, y = torch.randn(5, 2), torch.randn(5, 1)
    posterior = inference.SVI(
        model, guides.MeanField(model), num_steps=2, progress=False
    ).fit((x, y))
    prediction = posterior.predict(x, num_samples=3)
    assert prediction.outputs.shape == (3, 5, 1)
    assert torch.isfinite(prediction.log_prob(y)).all()


def test_tied_weights_are_one_site():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.encode, self.decode = nn.Linear(3, 3), nn.Linear(3, 3)
            self.decode.weight = self.encode.weight

        def forward(self, x):
            return self.decode(self.encode(x).tanh())

    model = zoo.BayesianNetwork(
        Tied(), priors.WeightPrior(NORMAL), likelihoods.Gaussian(0.5)
    )
    assert "decode.weight" not in model.latents
    values = {name: torch.zeros(each.shape()) for name, each in model.latents.items()}
    values["encode.weight"] = torch.eye(3)
    x = torch.randn(4, 3)
    assert torch.allclose(model.output(values, x), x.tanh())
    for guide in (
        guides.MeanField(model),
        guides.LocalReparam(model),
        guides.MCDropout(model),
    ):
        inference.SVI(model, guide, num_steps=2, progress=False).fit((x, x))


def test_repr_names_the_rules():
    rule = priors.by_name(
        {"*.bias": dist.Normal(0.0, 10.0)}, otherwise=priors.Point(NORMAL)
    )
    selection = "by_name({'*.bias': Normal(0, 10)}, otherwise=Point(Normal(0, 1)))"
    assert repr(priors.WeightPrior(rule)) == f"WeightPrior({selection})"
