"""Scores of pixels image by image: those of the metrics, errors over images, element masks."""

import pyro
import pyro.distributions as dist
import pytest
import torch

import guides
import zoo
from zoo import inference, likelihoods, metrics, networks, priors
from zoo.experiments.parts.element_masks import average_by_elements
from zoo.experiments.parts.scene_cases import (
    SCORES,
    PixelCases,
    curves_of,
    difference_of,
    number_of,
)
from zoo.posterior import AveragedClasses, average_classes
from zoo.posterior.average_classes import entropy

VOID = 4


@pytest.fixture
def found():
    torch.manual_seed(0)
    probs = torch.randn(12, 6, 7, 4).softmax(-1)
    aleatoric = 0.7 * entropy(probs)
    y = torch.where(torch.rand(12, 6, 7) < 0.5, probs.argmax(-1), 0)
    y[:, 0] = VOID
    return AveragedClasses(probs, entropy(probs), aleatoric), y


def test_scores_are_those_of_the_metrics(found):
    averaged, y = found
    cases = PixelCases.of(averaged, y, VOID)
    kept = y != VOID
    probs, labels = averaged.probs[kept], y[kept]
    nll = -probs.gather(-1, labels[:, None]).log().mean()
    expected = {
        "global accuracy %": 100 * metrics.accuracy(probs, labels),
        "class accuracy %": 100 * metrics.balanced_accuracy(probs, labels),
        "mean IoU %": 100 * metrics.mean_iou(probs, labels),
        "NLL": nll,
        "ECE": metrics.calibration_error(probs, labels),
    }
    for name, score in SCORES.items():
        number = number_of(cases, score)
        assert number.value == pytest.approx(float(expected[name]), rel=1e-5), name
        assert 0 < number.error < abs(number.value)
        itself = difference_of(cases, cases, score)
        assert (itself.value, itself.error) == (0.0, 0.0)

    of_class = averaged.epistemic[(y == 2) & kept].mean()
    assert cases.mean_of_class("epistemic")[2] == pytest.approx(float(of_class))
    curves = curves_of(averaged, y, VOID)
    assert curves["IoU by total"][0] == pytest.approx(
        float(expected["mean IoU %"]) / 100
    )
    assert curves["total by distance"][0].isfinite()


def test_an_error_is_over_images(found):
    averaged, y = found
    probs, total, aleatoric = averaged
    maps = (total.repeat(4, 1, 1), aleatoric.repeat(4, 1, 1))
    four = AveragedClasses(probs.repeat(4, 1, 1, 1), *maps)
    once = number_of(PixelCases.of(averaged, y, VOID), SCORES["NLL"])
    fourfold = number_of(PixelCases.of(four, y.repeat(4, 1, 1), VOID), SCORES["NLL"])
    assert fourfold.value == pytest.approx(once.value)
    assert fourfold.error == pytest.approx(once.error / 2, rel=0.35)


def test_masks_of_elements_are_those_of_a_step():
    pyro.set_rng_seed(0)
    network = networks.SegNet(3, basic=True, width=2, kernel_size=3)
    prior = priors.WeightPrior(priors.all_but_normalisation(dist.Normal(0.0, 1.0)))
    model = zoo.BayesianNetwork(network, prior, likelihoods.Categorical(dim=1))
    x, y = torch.randn(9, 3, 12, 16), torch.randint(3, (9, 12, 16))

    posteriors = {}
    for p in (0.0, 0.5):
        guide = guides.MCDropout(model, p=p, layers=network.dropped, masks="element")
        engine = inference.SVI(model, guide, num_steps=2, progress=False)
        posteriors[p] = engine.fit((x, y))

    none = average_by_elements(posteriors[0.0], x, 2)
    expected = average_classes(posteriors[0.0], x, 1)
    torch.testing.assert_close(none.probs, expected.probs, atol=1e-4, rtol=0)
    assert none.epistemic.max() < 1e-5
    torch.testing.assert_close(
        average_by_elements(posteriors[0.0], x[:1], 1).probs, none.probs[:1]
    )
    assert average_by_elements(posteriors[0.5], x, 4).epistemic.mean() > 1e-4
