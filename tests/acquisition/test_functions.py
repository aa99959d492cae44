"""Acquisition functions of predictions, against closed forms."""

import math

import pytest
import torch

from zoo import acquisition, likelihoods
from zoo.predictive.prediction import Prediction

NAMES = ["bald", "max_entropy", "variation_ratios", "mean_std"]


def of(probs):
    """Return the prediction of class probabilities (S, N, O)."""
    return Prediction(likelihoods.Categorical(), torch.as_tensor(probs).log())


def entropy(p):
    return -sum(q * math.log(q) for q in (p, 1 - p) if q > 0)


@pytest.mark.parametrize(("p", "q"), [(0.9, 0.2), (0.5, 0.5), (0.99, 0.01)])
def test_bald_is_the_mutual_information_of_a_mixture_of_two(p, q):
    prediction = of([[[p, 1 - p]], [[q, 1 - q]]])
    exact = entropy((p + q) / 2) - (entropy(p) + entropy(q)) / 2
    wrong = entropy((p + q) / 2)  # the entropy of the mean
    [found] = acquisition.bald(prediction)
    assert found == pytest.approx(exact, abs=1e-6)
    assert abs(wrong - exact) > 0.05
    [found] = acquisition.max_entropy(prediction)
    assert found == pytest.approx(wrong, abs=1e-6)
    [found] = acquisition.variation_ratios(prediction)
    assert found == pytest.approx(1 - max((p + q) / 2, 1 - (p + q) / 2), abs=1e-6)
    [found] = acquisition.mean_std(prediction)
    assert found == pytest.approx(abs(p - q) / 2, abs=1e-6)


def test_bald_passes_over_labels_that_are_noise():
    unsure = [[0.5, 0.5], [0.9, 0.1]]  # under both draws; under this one alone
    other = [[0.5, 0.5], [0.1, 0.9]]
    prediction = of([unsure, other])
    assert acquisition.bald(prediction).argmax() == 1
    assert acquisition.mean_std(prediction).argmax() == 1
    same = acquisition.max_entropy(prediction)
    torch.testing.assert_close(same, torch.full((2,), math.log(2)))


@pytest.mark.parametrize("name", NAMES)
def test_a_bernoulli_has_the_scores_of_its_two_classes(name):
    logits = torch.randn(5, 7, 1)
    single = Prediction(likelihoods.Bernoulli(), logits)
    both = torch.cat([torch.zeros_like(logits), logits], -1)
    double = Prediction(likelihoods.Categorical(), both)
    function = getattr(acquisition, name)
    torch.testing.assert_close(function(single), function(double))


@pytest.mark.parametrize("name", NAMES)
def test_an_image_of_labels_has_the_mean_over_its_pixels(name):
    outputs = torch.randn(4, 3, 2, 5, 6)  # (S, N, O, H, W)
    whole = Prediction(likelihoods.Categorical(dim=1), outputs)
    pixels = outputs.movedim(2, -1).reshape(4, 3 * 5 * 6, 2)
    flat = Prediction(likelihoods.Categorical(), pixels)
    function = getattr(acquisition, name)
    expected = function(flat).reshape(3, -1).mean(1)
    torch.testing.assert_close(function(whole), expected)


@pytest.mark.parametrize("name", NAMES)
def test_other_targets_than_classes_get_a_sentence(name):
    prediction = Prediction(likelihoods.Gaussian(0.1), torch.zeros(2, 3, 1))
    with pytest.raises(
        ValueError,
        match=rf"acquisition\.{name} needs a prediction of classes, not one under Gaussian.*; "
        r"for regression write prediction\.epistemic",
    ):
        getattr(acquisition, name)(prediction)
    assert acquisition.random(prediction).shape == (3,)
