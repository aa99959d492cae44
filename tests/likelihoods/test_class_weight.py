"""Weights of classes: torch's weighted sum, no bound, and none in what is predicted."""

import math

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from torch import nn
from torch.nn.functional import cross_entropy

import guides
import zoo
from zoo import inference, likelihoods, priors
from zoo.likelihoods.observed import Observed

WEIGHT = torch.tensor([0.5, 3.0, 0.0, 1.5])
VOID = 11


def pixels():
    torch.manual_seed(0)
    logits, y = torch.randn(6, 4, 5, 7), torch.randint(4, (6, 5, 7))
    y[:, 0] = VOID
    return logits, y


def observed(likelihood, logits, y, **options):
    trace = poutine.trace(likelihood.observe).get_trace(logits, y, {}, **options)
    return trace.log_prob_sum()


def test_a_fit_has_the_weighted_sum_of_torch():
    logits, y = pixels()
    likelihood = likelihoods.Categorical(1, VOID, WEIGHT)
    options = {"weight": WEIGHT, "ignore_index": VOID}
    expected = -cross_entropy(logits, y, reduction="sum", **options)
    found = observed(likelihood, logits, y)
    torch.testing.assert_close(found, expected)

    # torch's mean divides by the weights of the labels, which the size of the batch changes
    normalised = cross_entropy(logits, y, **options) * (y != VOID).sum()
    assert abs(found + normalised) > 0.05 * normalised

    half = observed(likelihood, logits[:3], y[:3], num_data=6)
    expected = 2 * observed(likelihood, logits[:3], y[:3])
    torch.testing.assert_close(half, expected)


def test_weights_of_classes_and_of_data_multiply():
    logits, y = pixels()
    likelihood = likelihoods.Categorical(1, VOID, WEIGHT)
    of_data = torch.tensor([2.0, 0.0, 1.0, 0.5, 3.0, 1.0])
    each = cross_entropy(
        logits, y, reduction="none", weight=WEIGHT, ignore_index=VOID
    ).sum((-1, -2))
    found = observed(likelihood, logits, Observed(y, weights=of_data))
    torch.testing.assert_close(found, -(of_data * each).sum())


def test_there_is_no_bound_and_predictions_have_the_density_itself():
    pyro.set_rng_seed(0)
    x, y = torch.randn(6, 1, 5, 7), pixels()[1]
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    bounds = {}
    for weight in (None, WEIGHT, torch.ones(4)):
        likelihood = likelihoods.Categorical(1, VOID, weight)
        model = zoo.BayesianNetwork(nn.Conv2d(1, 4, 1), prior, likelihood)
        engine = inference.SVI(
            model, guides.MeanField(model), num_steps=2, progress=False
        )
        posterior = engine.fit((x, y))
        assert posterior.info.bound == (weight is None)
        prediction = posterior.predict(x, num_samples=3)
        each = torch.stack(
            [
                -cross_entropy(one, y, reduction="none", ignore_index=VOID)
                for one in prediction.outputs
            ]
        )
        expected = each.sum((-1, -2)).logsumexp(0) - math.log(3)
        torch.testing.assert_close(prediction.log_prob(y), expected)
        bounds[str(weight)] = posterior.bound((x, y), num_samples=2).value
    assert all(bound > 0 for bound in bounds.values())  # of the density itself


def test_engines_that_cannot_weigh_classes_say_so():
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    likelihood = likelihoods.Categorical(class_weight=WEIGHT)
    model = zoo.BayesianNetwork(nn.Linear(2, 4), prior, likelihood)
    x, y = torch.randn(8, 2), torch.arange(8) % 4
    with pytest.raises(ValueError, match="Laplace cannot take the weights of classes"):
        inference.Laplace(model, progress=False).fit((x, y))
    engine = inference.AIS(
        model, num_particles=4, num_steps=2, compile=False, progress=False
    )
    with pytest.raises(ValueError, match="data or classes whose weights are neither"):
        engine.fit((x, y)).bound((x, y))


@pytest.mark.parametrize(
    ("weight", "sentence"),
    [
        ([[1.0, 2.0]], r"class_weight must have shape \(O,\), .* not \(1, 2\)"),
        ([1.0, -1.0], r"finite, at least 0, .* not \[1, -1\]"),
        ([1.0, math.nan], "class_weight must be finite"),
        ([0.0, 0.0], "above 0 for one class"),
    ],
)
def test_weights_that_are_none_get_a_sentence(weight, sentence):
    with pytest.raises(ValueError, match=sentence):
        likelihoods.Categorical(class_weight=weight)


def test_weights_of_another_number_of_classes_are_refused():
    likelihood = likelihoods.Categorical(class_weight=[1.0, 2.0])
    with pytest.raises(ValueError, match="has 2 weights, but the network has 3"):
        likelihood.check(torch.zeros(5, 3), torch.zeros(5, dtype=torch.int64))
    assert repr(likelihood) == "Categorical(class_weight=[1, 2])"


def test_the_class_of_median_frequency_has_weight_one():
    # Class 1 is in the first image alone, and class 3 in none; void counts nowhere.
    labels = torch.tensor([[[0, 0], [0, 1]], [[0, 2], [VOID, VOID]]])
    found = likelihoods.median_frequency(labels, 4, ignore_index=VOID)
    frequency = torch.tensor([4 / 6, 1 / 4, 1 / 2])
    torch.testing.assert_close(found[:3], 0.5 / frequency)
    assert found[3] == 0.0
    overall = torch.tensor([4 / 6, 1 / 6, 1 / 6])  # of all images: another answer
    assert not torch.allclose(found[:3], overall.median() / overall)

    flat = likelihoods.median_frequency(torch.tensor([0, 0, 0, 1, 1, 2]), 3)
    torch.testing.assert_close(flat, torch.tensor([2 / 3, 1.0, 2.0]))


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (torch.tensor([0.0, 1.0]), "labels must be integers"),
        (torch.tensor([0, 2, VOID]), "labels hold 11, .* write ignore_index=11"),
        (torch.tensor([], dtype=torch.int64), "no label counts"),
    ],
)
def test_labels_that_are_none_get_a_sentence(labels, sentence):
    with pytest.raises(ValueError, match=sentence):
        likelihoods.median_frequency(labels, 3)
