"""Laplace noise: density, moments, quantiles and posteriors against closed forms."""

import math

import pyro
import pyro.distributions as dist
import pytest
import torch

import guides
import zoo
from zoo import inference, likelihoods, networks, priors
from zoo.predictive.prediction import Prediction

F = torch.randn(6, 2, generator=torch.Generator().manual_seed(0))


def test_density_and_moments():
    y = torch.randn(6, 2)
    likelihood = likelihoods.LaplaceNoise(0.3)
    density = likelihood.distribution(F, {}).log_prob(y)
    expected = -(y - F).abs() / 0.3 - math.log(0.6)
    torch.testing.assert_close(density, expected)
    as_sd = -(y - F).abs() * math.sqrt(2) / 0.3 - math.log(0.6 / math.sqrt(2))
    assert not torch.allclose(density, as_sd, rtol=0.1)  # if 0.3 were an sd

    prediction = Prediction(likelihood, F.expand(4, 6, 2))
    torch.testing.assert_close(prediction.mean, F)
    torch.testing.assert_close(prediction.aleatoric, torch.full((6, 2), 2 * 0.3**2))
    torch.testing.assert_close(prediction.epistemic, torch.zeros(6, 2))
    assert repr(likelihoods.LaplaceNoise(dist.HalfNormal(1.0), missing="nan")) == (
        "LaplaceNoise(scale=HalfNormal(1), missing='nan')"
    )


def test_interval_is_that_of_the_distribution_in_its_units():
    """The 90 % interval of Laplace noise is ± b log 10, and not ± 1.645 √2 b of a normal."""
    prediction = Prediction(likelihoods.LaplaceNoise(0.5), torch.zeros(1, 3, 1))
    lower, upper = prediction.affine(2.0, 10.0).interval(0.9)
    torch.testing.assert_close(upper - 2, torch.full((3, 1), 5 * math.log(10)))
    torch.testing.assert_close(2 - lower, upper - 2)
    assert abs(float(upper[0] - 2) - 5 * 1.645 * math.sqrt(2)) > 0.1
    in_units = prediction.affine(2.0, 10.0).log_prob(torch.full((3, 1), 7.0))
    torch.testing.assert_close(in_units, torch.full((3,), -math.log(10.0) - 1))


def test_missing_targets_are_left_out_and_known_scales_used():
    likelihood = likelihoods.LaplaceNoise(0.5, missing="nan")
    prediction = Prediction(likelihood, torch.zeros(1, 2, 2))
    y = torch.tensor([[1.0, torch.nan], [1.0, 1.0]])
    one = -2.0
    torch.testing.assert_close(prediction.log_prob(y), torch.tensor([one, 2 * one]))

    given = {"scale": torch.tensor([0.5, 2.0])}
    known = likelihoods.LaplaceNoise("given")
    prediction = Prediction(known, torch.zeros(1, 2, 1), given=given)
    expected = torch.tensor([-2.0, -0.5 - math.log(4.0)])
    torch.testing.assert_close(prediction.log_prob(torch.ones(2, 1)), expected)


def test_a_constant_is_fitted_by_the_median_and_the_mean_absolute_error():
    """The maximum of the density is at the median; the mean, 2.2, is another answer."""
    pyro.set_rng_seed(0)
    y = torch.tensor([[0.0], [1.0], [1.0], [1.0], [8.0]])
    network = networks.MLP(1, 1, hidden=[])
    flat = priors.WeightPrior(dist.Normal(0.0, 100.0))
    prior = dist.LogNormal(0.0, 100.0)
    model = zoo.BayesianNetwork(network, flat, likelihoods.LaplaceNoise(prior))
    guide = guides.Delta(model)
    engine = inference.SVI(model, guide, num_steps=1500, lr=0.05, progress=False)
    posterior = engine.fit((torch.zeros(5, 1), y))
    prediction = posterior.predict(torch.zeros(1, 1), 1)
    assert float(prediction.mean) == pytest.approx(1.0, abs=0.02)
    scale = prediction.noise["likelihood:scale"]
    mode_of_prior = 5 / 6  # the density 1 / scale of the prior counts as one datum
    assert float(scale) == pytest.approx(1.6 * mode_of_prior, rel=0.02)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            lambda: likelihoods.LaplaceNoise(-1.0),
            "is a mean absolute error and must be",
        ),
        (
            lambda: likelihoods.LaplaceNoise("learned"),
            "a prior or 'given', not 'learned'",
        ),
        (lambda: likelihoods.LaplaceNoise(dist.Normal(0.0, 1.0)), "allows negative"),
        (
            lambda: likelihoods.LaplaceNoise(torch.ones(2, 2)),
            r"LaplaceNoise\(scale='given'\)",
        ),
    ],
)
def test_wrong_scales_are_refused(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()


def test_its_short_name_is_answered():
    with pytest.raises(AttributeError, match=r"write likelihoods\.LaplaceNoise\("):
        _ = likelihoods.Laplace
