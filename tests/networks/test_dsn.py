"""Deeply-supervised nets: companions give logits in training only, and a likelihood uses them."""

import math

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from torch import nn

import guides
import zoo
from zoo import inference, likelihoods, networks, priors

X = torch.randn(8, 3, 8, 8, generator=torch.Generator().manual_seed(0))
Y = torch.arange(8) % 3
PRIOR = priors.WeightPrior(dist.Normal(0.0, 0.1))


def small(**options):
    torch.manual_seed(0)
    return networks.DSN(3, width=6, image_size=8, p=0.0, **options)


def num_parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


def scores(model, training=True, **options):
    """Return the log density of what a model observes, by site."""
    pyro.set_rng_seed(0)
    model.network.train(training)
    trace = poutine.trace(model).get_trace(X, Y, **options)
    trace.compute_log_prob()
    return {
        name: float(site["log_prob_sum"])
        for name, site in trace.nodes.items()
        if site.get("is_observed")
    }


def test_it_is_a_network_in_network_with_three_companions_in_training():
    whole = networks.DSN()
    alone = networks.DSN(companions=False)
    assert num_parameters(alone) == 966_986  # as published for the network in network
    num_units = 192 * (32**2 + 16**2 + 8**2)
    assert num_parameters(whole) - num_parameters(alone) == 10 * num_units + 30

    x = torch.randn(2, 3, 32, 32)
    assert whole.train()(x).shape == (2, 4, 10)
    assert whole.eval()(x).shape == (2, 10)
    assert alone.train()(x).shape == (2, 10)

    grey = networks.DSN(image_size=28, in_channels=1).train()
    assert grey(torch.randn(2, 1, 28, 28)).shape == (2, 4, 10)


def test_companions_take_the_first_convolution_of_each_block_before_its_rectifier():
    network = small().train()
    outputs = network(X)
    f = network.convolutions[0](X)
    torch.testing.assert_close(outputs[:, 1], network.companions[0](f.flatten(1)))
    assert bool((f < 0).any())
    network.eval()
    torch.testing.assert_close(outputs[:, 0], network(X))
    # The last layer is the one that predicts.
    names = [name for name, _ in network.named_parameters()]
    assert names[-1].startswith("perceptrons.2")


def test_the_density_of_companions_is_multiplied_by_their_weight():
    network = small()
    model = zoo.BayesianNetwork(
        network, PRIOR, likelihoods.DeeplySupervised(weight=0.3)
    )
    found = scores(model, num_data=80)
    found_companions = found["likelihood:companions"]

    pyro.set_rng_seed(0)
    trace = poutine.trace(model).get_trace()
    values = {name: trace.nodes[name]["value"] for name in model.latents}
    model.network.train()
    own, *others = model.output(values, X).unbind(1)
    exact = cross_entropy(own)
    exact_companions = sum(cross_entropy(logits) for logits in others)

    assert found["likelihood:y"] == pytest.approx(-10 * exact, rel=1e-5)
    assert found_companions == pytest.approx(-10 * 0.3 * exact_companions, rel=1e-5)
    unweighted = -10 * exact_companions
    assert not math.isclose(found_companions, unweighted, rel_tol=0.1)
    of_the_batch = -0.3 * exact_companions  # without the factor N / B
    assert not math.isclose(found_companions, of_the_batch, rel_tol=0.1)


def cross_entropy(logits):
    return float(nn.functional.cross_entropy(logits, Y, reduction="sum"))


@pytest.mark.parametrize("compile", ["plain", "traced"])
def test_a_fit_uses_the_companions_and_predicts_without_them(compile, tmp_path):
    losses, posteriors = {}, {}
    for weight in (0.1, 1.0):
        pyro.set_rng_seed(0)
        model = zoo.BayesianNetwork(
            small(), PRIOR, likelihoods.DeeplySupervised(weight)
        )
        engine = inference.SVI(
            model, guides.MeanField(model), num_steps=3, compile=compile, progress=False
        )
        posteriors[weight] = engine.fit((X, Y))
        losses[weight] = float(posteriors[weight].info.losses[0])
    # The difference is 0.9 times three cross entropies near log 3.
    assert 1.5 < losses[1.0] - losses[0.1] < 6
    assert posteriors[1.0].info.bound is False
    assert posteriors[1.0].predict(X, 5).probs.shape == (8, 3)
    posteriors[1.0].save(tmp_path / "posterior")
    again = zoo.load(tmp_path / "posterior", model, guide=guides.MeanField(model))
    assert again.predict(X, 2).log_prob(Y).shape == (8,)


def test_in_evaluation_it_is_categorical():
    """Samplers and predictions run the network in evaluation."""
    deep = zoo.BayesianNetwork(small(), PRIOR, likelihoods.DeeplySupervised())
    plain = zoo.BayesianNetwork(small(), PRIOR, likelihoods.Categorical())
    assert scores(deep, training=False) == scores(plain, training=False)


def test_another_likelihood_in_training_is_refused():
    model = zoo.BayesianNetwork(small(), PRIOR, likelihoods.Categorical())
    engine = inference.SVI(model, guides.MeanField(model), num_steps=1, progress=False)
    with pytest.raises(
        ValueError,
        match=r"outputs of shape \(8, 4, 3\), .* likelihoods.DeeplySupervised\(\), or build it",
    ):
        engine.fit((X, Y))
    with pytest.raises(
        ValueError,
        match=r"weight multiplies the log density of the companions .* not 0",
    ):
        likelihoods.DeeplySupervised(0)
