"""Logit adjustment: a fit to unequal classes gives Bayes' rule for equal ones."""

import pyro.distributions as dist
import pytest
import torch
from torch import nn

import guides
import zoo
from zoo import datasets, inference, likelihoods, priors
from zoo.inference.mcmc.density.potential import Potential
from zoo.likelihoods import Categorical, LogitAdjusted
from zoo.likelihoods.observed import Observed

PRIOR = torch.tensor([0.95, 0.05], dtype=torch.float64)
GRID = torch.linspace(-9, 9, 2001, dtype=torch.float64)
CENTRES = (-1.0, 1.0)  # of two classes N(centre, 1), whose log odds at x are 2 x

X = GRID.repeat(2).unsqueeze(-1)
Y = torch.arange(2).repeat_interleave(len(GRID))
DENSITY = torch.stack([dist.Normal(c, 1.0).log_prob(GRID).exp() for c in CENTRES])
WEIGHTS = (PRIOR.unsqueeze(-1) * DENSITY).flatten()
WEIGHTS = WEIGHTS / WEIGHTS.sum()
BALANCED = torch.tensor([-1.0, 1.0, 0.0, 0.0], dtype=torch.float64)  # weight, then bias
AS_IN_THE_DATA = torch.cat([BALANCED[:2], PRIOR.log()])


def gradient(likelihood, at):
    """Return the largest slope of the log density of all inputs under a flat prior."""
    prior = priors.WeightPrior(dist.Normal(0.0, 1e6))
    bnn = zoo.BayesianNetwork(nn.Linear(1, 2).double(), prior, likelihood)
    potential = Potential(bnn, X, Observed(Y, WEIGHTS))
    order = {name: prior.shape() for name, prior in bnn.latents.items()}
    weight, bias = at[:2], at[2:]
    q = torch.cat([bias, weight] if next(iter(order)) == "bias" else [weight, bias])
    return torch.func.grad(potential.energy)(q).abs().max().item()


def test_the_optimum_is_the_rule_of_bayes_for_equal_classes():
    """Of two normal classes, whose log odds are linear; by quadrature."""
    adjusted = LogitAdjusted(PRIOR)
    assert gradient(adjusted, BALANCED) < 1e-9
    assert gradient(adjusted, AS_IN_THE_DATA) > 0.01
    assert gradient(Categorical(), AS_IN_THE_DATA) < 1e-9
    assert gradient(Categorical(), BALANCED) > 0.01


def test_predictions_are_for_equal_classes_and_reweighting_gives_those_of_the_data():
    outputs = torch.stack([-GRID, GRID], -1).unsqueeze(0)
    prediction = zoo.Prediction(LogitAdjusted(PRIOR), outputs)
    bayes = torch.sigmoid(2 * GRID)
    assert torch.allclose(prediction.probs[:, 1], bayes)

    of_data = zoo.reweighted(prediction, PRIOR).probs[:, 1]
    odds = PRIOR[1] / PRIOR[0] * (2 * GRID).exp()
    assert torch.allclose(of_data, odds / (1 + odds))


def test_a_fit_has_a_bound_and_classes_may_be_in_dimension_one():
    data = datasets.long_tailed(datasets.digits(), ratio=10)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    likelihood = LogitAdjusted(data.train.y.bincount())
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    bnn = zoo.BayesianNetwork(network, prior, likelihood)
    engine = inference.SVI(bnn, guides.MeanField(bnn), num_steps=2, progress=False)
    assert engine.fit(data.train).info.bound is not False

    images = LogitAdjusted([3, 1], dim=1)
    output = torch.zeros(2, 2, 4, 5)
    images.check(output, torch.zeros(2, 4, 5, dtype=torch.long))
    predicted = images.distribution(images.arranged(output), {})
    log_prob = images.as_fitted(predicted).log_prob(torch.tensor(0))
    assert torch.allclose(log_prob.exp(), torch.full((2, 4, 5), 0.75))


def test_bad_frequencies_get_a_sentence():
    for wrong in ([3.0, 0.0], [1.0], torch.ones(2, 2), [1.0, float("nan")]):
        with pytest.raises(ValueError, match=r"one positive frequency .* y.bincount"):
            LogitAdjusted(wrong)
    with pytest.raises(
        ValueError, match=r"3 classes, but the network has 2 outputs; wr"
    ):
        LogitAdjusted([1, 1, 1]).check(torch.zeros(4, 2), torch.zeros(4).long())


def test_its_repr_is_short():
    assert repr(LogitAdjusted([3, 1])) == "LogitAdjusted([0.75, 0.25])"
    assert repr(LogitAdjusted(torch.ones(100))).endswith("0.01, ...])")
    assert likelihoods.LogitAdjusted is LogitAdjusted
