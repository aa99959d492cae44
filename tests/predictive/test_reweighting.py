"""Predictions for other frequencies of the classes are Bayes' rule in every draw."""

import pytest
import torch

import zoo
from zoo import likelihoods

RANDOM = torch.Generator().manual_seed(0)
OUTPUTS = 3 * torch.randn(7, 5, 4, generator=RANDOM)
WEIGHTS = torch.tensor([0.1, 1.0, 2.0, 30.0])
PREDICTION = zoo.Prediction(likelihoods.Categorical(), OUTPUTS)


def test_each_draw_is_reweighted_and_then_they_are_averaged():
    found = zoo.reweighted(PREDICTION, WEIGHTS)
    weighted = OUTPUTS.softmax(-1) * WEIGHTS
    exact = (weighted / weighted.sum(-1, keepdim=True)).mean(0)
    assert torch.allclose(found.probs, exact, atol=1e-6)

    wrong = PREDICTION.probs * WEIGHTS  # the average is reweighted
    wrong = wrong / wrong.sum(-1, keepdim=True)
    assert (wrong - exact).abs().max() > 0.05

    y = torch.tensor([0, 1, 2, 3, 0])
    log_prob = exact.gather(1, y.unsqueeze(-1))[:, 0].log()
    assert torch.allclose(found.log_prob(y), log_prob, atol=1e-5)
    assert torch.allclose(found.epistemic + found.aleatoric, found.entropy, atol=1e-5)


def test_equal_weights_change_nothing_and_two_changes_are_one():
    same = zoo.reweighted(PREDICTION, [5.0] * 4)
    assert torch.allclose(same.probs, PREDICTION.probs, atol=1e-6)
    back = zoo.reweighted(zoo.reweighted(PREDICTION, WEIGHTS), 1 / WEIGHTS)
    assert torch.allclose(back.probs, PREDICTION.probs, atol=1e-5)


def test_classes_in_dimension_one_and_other_likelihoods_of_classes():
    images = zoo.Prediction(likelihoods.Categorical(dim=1), torch.zeros(2, 3, 4, 5, 6))
    assert zoo.reweighted(images, WEIGHTS).probs.shape == (3, 5, 6, 4)
    noise = {
        "likelihood:first_cut": torch.zeros(7),
        "likelihood:gaps": torch.ones(7, 2),
    }
    ordinal = zoo.Prediction(likelihoods.Ordinal(4), OUTPUTS[..., :1], noise)
    probs = zoo.reweighted(ordinal, WEIGHTS).probs
    assert torch.allclose(probs.sum(-1), torch.ones(5))


def test_what_cannot_be_reweighted_gets_a_sentence():
    with pytest.raises(
        ValueError, match=r"must be 4 positive numbers, .* y_train.binc"
    ):
        zoo.reweighted(PREDICTION, [1.0, 2.0])
    with pytest.raises(ValueError, match="must be 4 positive numbers"):
        zoo.reweighted(PREDICTION, [1.0, 2.0, 0.0, 1.0])
    real = zoo.Prediction(likelihoods.Gaussian(0.1), OUTPUTS)
    with pytest.raises(
        AttributeError, match=r"Gaussian\(scale=0.1\) has no probabilities of"
    ):
        zoo.reweighted(real, WEIGHTS)
