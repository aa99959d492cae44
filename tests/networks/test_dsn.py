"""Deeply-supervised nets: companions that speak in training alone, and a likelihood that hears them."""

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

X, Y = (
    torch.randn(8, 3, 8, 8, generator=torch.Generator().manual_seed(0)),
    torch.arange(8) % 3,
)
PRIOR = priors.WeightPrior(dist.Normal(0.0, 0.1))


def small(**options):
    torch.manual_seed(0)
    return networks.DSN(3, width=6, image_size=8, p=0.0, **options)


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
    whole, alone = networks.DSN(), networks.DSN(companions=False)
    count = lambda network: sum(parameter.numel() for parameter in network.parameters())  # noqa: E731
    assert count(alone) == 966_986  # as published for the network in network
    assert count(whole) - count(alone) == 10 * 192 * (32**2 + 16**2 + 8**2) + 30
    x = torch.randn(2, 3, 32, 32)
    assert whole.train()(x).shape == (2, 4, 10)
    assert whole.eval()(x).shape == (2, 10)
    assert alone.train()(x).shape == (2, 10)
    assert networks.DSN(image_size=28, in_channels=1).train()(
        torch.randn(2, 1, 28, 28)
    ).shape == (2, 4, 10)


def test_companions_hear_the_first_convolution_of_each_block_before_its_rectifier():
    network = small().train()
    outputs = network(X)
    f = network.convolutions[0](X)
    torch.testing.assert_close(outputs[:, 1], network.companions[0](f.flatten(1)))
    assert bool((f < 0).any())
    network.eval()
    torch.testing.assert_close(outputs[:, 0], network(X))
    names = [name for name, _ in network.named_parameters()]
    assert names[-1].startswith(
        "perceptrons.2"
    )  # the last layer is the one that predicts


def test_companions_count_as_often_as_they_are_weighted():
    network = small()
    model = zoo.BayesianNetwork(
        network, PRIOR, likelihoods.DeeplySupervised(weight=0.3)
    )
    found = scores(model, num_data=80)
    pyro.set_rng_seed(0)
    values = {
        name: site["value"]
        for name, site in poutine.trace(model).get_trace().nodes.items()
        if "value" in site
    }
    model.network.train()
    own, *others = model.output(
        {name: values[name] for name in model.latents}, X
    ).unbind(1)
    by_hand = [
        float(nn.functional.cross_entropy(logits, Y, reduction="sum"))
        for logits in (own, *others)
    ]
    assert found["likelihood:y"] == pytest.approx(-10 * by_hand[0], rel=1e-5)
    assert found["likelihood:companions"] == pytest.approx(
        -10 * 0.3 * sum(by_hand[1:]), rel=1e-5
    )
    assert not math.isclose(
        found["likelihood:companions"], -10 * sum(by_hand[1:]), rel_tol=0.1
    )  # unweighted
    assert not math.isclose(
        found["likelihood:companions"], -0.3 * sum(by_hand[1:]), rel_tol=0.1
    )  # a batch, not N / B


@pytest.mark.parametrize("compile", ["plain", "traced"])
def test_a_fit_hears_the_companions_and_predicts_without_them(compile, tmp_path):
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
    assert (
        1.5 < losses[1.0] - losses[0.1] < 6
    )  # 0.9 times three cross entropies near log 3
    assert posteriors[1.0].info.bound is False
    assert posteriors[1.0].predict(X, 5).probs.shape == (8, 3)
    posteriors[1.0].save(tmp_path / "posterior")
    again = zoo.load(tmp_path / "posterior", model, guide=guides.MeanField(model))
    assert again.predict(X, 2).log_prob(Y).shape == (8,)


def test_in_evaluation_it_is_categorical():
    """Samplers and predictions run the network so."""
    laws = (likelihoods.DeeplySupervised(), likelihoods.Categorical())
    deep, plain = (
        scores(zoo.BayesianNetwork(small(), PRIOR, law), training=False) for law in laws
    )
    assert deep == plain


def test_another_likelihood_in_training_gets_a_sentence():
    model = zoo.BayesianNetwork(small(), PRIOR, likelihoods.Categorical())
    engine = inference.SVI(model, guides.MeanField(model), num_steps=1, progress=False)
    with pytest.raises(
        ValueError,
        match=r"outputs of shape \(8, 4, 3\), .* likelihoods.DeeplySupervised\(\) or build it",
    ):
        engine.fit((X, Y))
    with pytest.raises(
        ValueError, match="weight multiplies what companions add and is positive, not 0"
    ):
        likelihoods.DeeplySupervised(0)
