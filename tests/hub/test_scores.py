"""Scores of label maps: of all pixels with a class, with errors over images."""

import pyro.distributions as dist
import pytest
import torch

import guides
from zoo import inference, likelihoods, metrics, networks, priors
from zoo.datasets import Dataset, Split
from zoo.hub.picture import calibration
from zoo.hub.scores import score
from zoo.model import BayesianNetwork
from zoo.posterior import average_classes

VOID = 3


@pytest.fixture(scope="module")
def fitted():
    """Return a posterior of small label maps, and its data: each image is of one class."""
    random = torch.Generator().manual_seed(0)
    x = torch.randn(12, 3, 8, 10, generator=random)
    y = torch.arange(12).remainder(3)[:, None, None].repeat(1, 8, 10)
    x[:, 0] += 2 * y
    y[:, 0] = VOID
    data = Dataset("stripes", Split(x, y), Split(x, y))

    torch.manual_seed(0)
    network = networks.SegNet(3, basic=True, width=4, kernel_size=3)
    likelihood = likelihoods.Categorical(dim=1, ignore_index=VOID)
    model = BayesianNetwork(
        network, priors.WeightPrior(dist.Normal(0.0, 1.0)), likelihood
    )
    engine = inference.SVI(model, guides.Delta(model), num_steps=5, progress=False)

    return engine.fit(data.train), data


def test_pixels_without_a_class_do_not_count(fitted):
    posterior, data = fitted
    x, y = data.test
    found = score(posterior, data, num_samples=2).scores
    probs = average_classes(posterior, x, 2).probs

    iou = metrics.mean_iou(probs, y, VOID)
    assert found["mean IoU %"].value == pytest.approx(100 * float(iou), rel=1e-5)
    ece = metrics.calibration_error(probs, y, ignore_index=VOID)
    assert found["ece"].value == pytest.approx(float(ece), abs=1e-5)

    kept = y != VOID
    right = (probs.argmax(-1) == y)[kept].double().mean()
    accuracy = found["global accuracy %"].value
    assert accuracy == pytest.approx(100 * float(right))
    with_void = (probs.argmax(-1) == y).double().mean()  # a wrong answer
    assert accuracy != pytest.approx(100 * float(with_void), rel=0.01)


def test_errors_are_over_images(fitted):
    posterior, data = fitted
    x, y = data.test
    found = score(posterior, data, num_samples=2).scores["nll"]
    probs = average_classes(posterior, x, 2).probs[:, 1:]  # without void
    nll = -probs.gather(-1, y[:, 1:, :, None]).log().squeeze(-1)

    of_images = nll.mean((1, 2))
    error = float(of_images.std()) / len(x) ** 0.5
    assert found.value == pytest.approx(float(nll.mean()), rel=1e-5)
    assert found.error == pytest.approx(error, rel=0.3)  # 100 resamplings: ± 7 %

    of_pixels = float(nll.std()) / nll.numel() ** 0.5  # as if these were independent
    assert found.error > 2 * of_pixels


def test_the_picture_is_of_pixels(fitted):
    posterior, data = fitted
    scored = score(posterior, data, num_samples=2)
    assert scored.prediction is None
    assert int(scored.reliability.count.sum()) == int((data.test.y != VOID).sum())
    assert calibration(scored, data).axes
