"""Decisions of least expected loss, against thresholds in closed form."""

import re

import pytest
import torch

from zoo import likelihoods
from zoo.predictive.prediction import Prediction

RANDOM = torch.Generator().manual_seed(0)
MEANS = torch.randn(400, 3, generator=RANDOM)  # of the draws at each input
LOGITS = MEANS + torch.randn(30, 400, 3, generator=RANDOM)
THREE = Prediction(likelihoods.Categorical(), 3 * LOGITS)


@pytest.mark.parametrize(("miss", "alarm"), [(1.0, 1.0), (9.0, 1.0), (1.0, 4.0)])
def test_of_two_classes_the_threshold_is_the_ratio_of_the_losses(miss, alarm):
    prediction = Prediction(likelihoods.Categorical(), 3 * LOGITS[..., :2])
    found = prediction.decide([[0.0, miss], [alarm, 0.0]])
    threshold = alarm / (alarm + miss)  # c10 / (c01 + c10)
    one = prediction.probs[:, 1]
    assert torch.equal(found.chosen, (one > threshold).long())
    losses = torch.stack([miss * one, alarm * (1 - one)], -1)
    torch.testing.assert_close(found.expected_losses, losses)
    assert torch.equal(found.expected_loss, found.expected_losses.amin(-1))
    if miss != alarm:
        assert not torch.equal(found.chosen, prediction.probs.argmax(-1))
        of_draws = prediction.functions[..., 1] > threshold  # a vote of the draws
        assert not torch.equal(found.chosen, of_draws.float().mean(0).round().long())


def test_a_bernoulli_decides_as_its_two_classes():
    single = Prediction(likelihoods.Bernoulli(), LOGITS[..., :1])
    logits = torch.cat([torch.zeros_like(LOGITS[..., :1]), LOGITS[..., :1]], -1)
    double = Prediction(likelihoods.Categorical(), logits)
    loss = torch.tensor([[0.0, 2.0], [1.0, 0.0]])
    one, two = single.decide(loss), double.decide(loss)
    assert one.chosen.shape == (400, 1)  # that of the targets
    assert torch.equal(one.chosen[:, 0], two.chosen)
    torch.testing.assert_close(one.expected_losses[:, 0], two.expected_losses)


def test_the_loss_of_an_error_decides_for_the_likeliest_class():
    found = THREE.decide(1 - torch.eye(3))
    assert torch.equal(found.chosen, THREE.probs.argmax(-1))
    torch.testing.assert_close(found.expected_loss, 1 - THREE.probs.amax(-1))


def test_no_other_rule_costs_less_on_average():
    loss = torch.tensor([[0.0, 5.0, 1.0], [1.0, 0.0, 1.0], [2.0, 1.0, 0.0]])
    found = THREE.decide(loss)
    y = torch.distributions.Categorical(THREE.probs).sample((2_000,))

    ours, likeliest = loss[found.chosen, y], loss[THREE.probs.argmax(-1), y]
    error = ours.mean(1).std() / 2_000**0.5
    assert abs(ours.mean() - found.expected_loss.mean()) < 5 * error
    assert likeliest.mean() > ours.mean() + 5 * error


def test_a_person_is_asked_where_the_machine_costs_more():
    loss = torch.cat([1 - torch.eye(3), torch.full((1, 3), 0.2)])
    found = THREE.decide(loss)
    asked = found.chosen == 3
    assert torch.equal(asked, 1 - THREE.probs.amax(-1) > 0.2)
    assert 0 < asked.sum() < 400


def test_each_pixel_is_decided():
    outputs = torch.randn(4, 2, 3, 5, 6)  # (S, N, O, H, W)
    prediction = Prediction(likelihoods.Categorical(dim=1), outputs)
    found = prediction.decide(1 - torch.eye(3))
    assert torch.equal(found.chosen, prediction.probs.argmax(-1))
    assert found.expected_losses.shape == (2, 5, 6, 3)


@pytest.mark.parametrize(
    ("loss", "sentence"),
    [
        (
            torch.zeros(3, 2),
            "each of the 3 classes, not shape (3, 2); write a square matrix",
        ),
        (
            torch.zeros(3),
            "not shape (3,); write a square matrix (3, 3), whose rows are",
        ),
        (torch.zeros(0, 3), "not shape (0, 3)"),
        (
            torch.full((3, 3), torch.inf),
            "loss must be finite numbers; write a large number",
        ),
    ],
)
def test_another_matrix_gets_a_sentence(loss, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        THREE.decide(loss)


def test_regression_gets_a_sentence_and_its_quantile_is_the_decision():
    prediction = Prediction(likelihoods.Gaussian(1.0), torch.zeros(2, 1, 1))
    with pytest.raises(
        AttributeError,
        match=r"Gaussian\(scale=1.0\) has no classes to decide between; report "
        r"prediction\.mean for a squared loss, and prediction\.quantile\(a / \(a \+ b\)\)",
    ):
        prediction.decide([[0.0]])

    above, below = 3.0, 1.0  # costs of a target above and below what is reported
    y = torch.distributions.Normal(0.0, 1.0).icdf((torch.arange(20_000) + 0.5) / 20_000)
    candidates = torch.linspace(-1, 1.5, 251)
    gap = y - candidates.unsqueeze(1)
    cost = (above * gap.clamp_min(0) + below * (-gap).clamp_min(0)).mean(1)
    best = candidates[cost.argmin()]
    assert abs(best - prediction.quantile(above / (above + below)).item()) < 0.011
    assert abs(best - prediction.mean.item()) > 0.5
