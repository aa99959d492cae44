"""Scores of a minimum, on a network of a few units."""

import math

import pyro.distributions as dist
import torch

import zoo
from zoo import datasets, likelihoods, networks, priors
from zoo.experiments.parts.minima_scores import SCORES, scores_of


def test_every_score_is_a_number_and_a_wide_prior_costs_evidence():
    train = datasets.toy.moons(12, noise=0.1).train
    network = networks.MLP(2, 2, hidden=[4])

    found = []
    for scale in (1.0, 10.0):
        prior = priors.WeightPrior(dist.Normal(0.0, scale))
        model = zoo.BayesianNetwork(network, prior, likelihoods.Categorical())
        draws = {
            name: value.detach()[None, None]
            for name, value in network.named_parameters()
        }
        end = zoo.posterior.DrawsPosterior(model, draws=draws, state={}, info=None)
        torch.manual_seed(0)
        found.append(scores_of(end, train, num_directions=2))

    for numbers in found:
        assert list(numbers) == [score.name for score in SCORES]
        assert all(math.isfinite(number) for number in numbers.values())

    one, ten = found
    same = "largest eigenvalue of the Hessian"
    assert abs(one[same] / ten[same] - 1) < 1e-3  # of the loss alone
    assert one["log evidence by Laplace, nats"] > ten["log evidence by Laplace, nats"]
    assert one["log mass of the basin, nats"] > ten["log mass of the basin, nats"]
    assert one["minus log prior, nats"] < ten["minus log prior, nats"]
