"""Hybrid continual learning: what is remembered, whether old or new tasks are known."""

from functools import cache, partial

import pyro
import pyro.distributions as dist
import pytest
import torch
import zuko
from torch import nn
from torch.distributions import MultivariateNormal, kl_divergence

import guides
import zoo
from zoo import inference, likelihoods, networks, priors, streams
from zoo.datasets import Split
from zoo.streams.memory import Latents

CENTRES = 4 * torch.eye(4)


class Affine(nn.Module):
    """The flow z = W x + b."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.eye(4))
        self.bias = nn.Parameter(torch.zeros(4))

    def forward(self, x):
        z = x @ self.weight.T + self.bias
        log_volume = torch.linalg.slogdet(self.weight).logabsdet
        return torch.cat([z, log_volume.expand(len(x), 1)], -1)

    def inverse(self, z):
        return (z - self.bias) @ torch.linalg.inv(self.weight).T

    def law(self, mean):
        """Return the distribution of inputs whose latents are N(mean, I)."""
        factor = torch.linalg.inv(self.weight)
        centre = self.inverse(mean.unsqueeze(0)).squeeze(0)
        return MultivariateNormal(centre.detach(), (factor @ factor.T).detach())


def engine(network, likelihood, num_steps=300, lr=1e-2):
    prior = priors.WeightPrior(dist.Normal(0.0, 10.0))
    model = zoo.BayesianNetwork(network, prior, likelihood)
    return inference.SVI(
        model, guides.Delta(model), num_steps=num_steps, lr=lr, progress=False
    )


def task(*labels, number=600):
    y = torch.tensor(labels)[torch.arange(number) % len(labels)]
    return Split(CENTRES[y] + 0.7 * torch.randn(number, 4), y)


def learner(memory):
    make = partial(zuko.flows.MAF, passes=2, transforms=4, hidden_features=(64,))
    flow = networks.NormalisingFlow(4, make)
    return streams.HybridLearner(flow, engine, memory, spread=5.0)


@cache
def first_task():
    """Return what is known after a task of two classes, whatever the memory is."""
    pyro.set_rng_seed(0)
    return learner(REPLAY).learn(task(0, 1), task(0, 1).x)


@cache
def learned(memory):
    """Return what is known after the first task, and after two of two classes each."""
    first = first_task()
    pyro.set_rng_seed(1)
    return first, learner(memory).learn(task(2, 3), task(2, 3).x, first)


def accuracy(known, *labels):
    x, y = task(*labels)
    return float((known.predict(x).classes.argmax(-1) == y).double().mean())


FORGET, REPLAY, RECALL = streams.Forget(), streams.Replay(), streams.Recall(scale=0.5)


@pytest.mark.parametrize(
    "memory", [REPLAY, pytest.param(RECALL, marks=pytest.mark.slow)]
)
def test_an_earlier_task_is_remembered_that_fine_tuning_forgets(memory):
    _, forgetful = learned(FORGET)
    first, known = learned(memory)
    assert accuracy(first, 0, 1) > 0.95
    assert accuracy(forgetful, 0, 1) < 0.6
    assert accuracy(known, 0, 1) > 0.8
    assert accuracy(known, 2, 3) > 0.8
    tasks = known.predict(task(2, 3).x).tasks
    assert tasks.shape == (600, 2)
    assert (tasks.argmax(-1) == 1).double().mean() > 0.8


def test_a_new_task_is_noticed_and_the_known_ones_are_not_taken_for_new():
    first, known = learned(REPLAY)
    batches = [task(2, 3, number=40).x for _ in range(20)]
    assert all(first.is_new(batch) for batch in batches)
    alarms = [known.is_new(batch, level=0.05) for batch in batches]
    old = [known.is_new(task(0, 1, number=40).x, level=0.05) for _ in range(80)]
    rate = sum(alarms + old) / 100  # at most 5 %, and 15 % is 4.6 standard errors more
    assert rate < 0.15


def test_replay_of_an_exact_snapshot_keeps_the_density():
    """2 N KL of the fit to N replayed data is chi-squared: a Gaussian has 14 moments."""
    pyro.set_rng_seed(0)
    learner = streams.HybridLearner(Affine(), engine)
    before = learner.learn(task(1), task(1).x)
    law = before.network.law(before.components.means[0])

    number = 2_000
    likelihood = likelihoods.GaussianClasses(before.components.means)
    replayed = before.sample(torch.tensor([number]))
    nothing = torch.empty(0, 4), torch.empty(0, dtype=torch.long)
    lesson = streams.Replay().lesson(likelihood, *nothing, replayed)
    narrow = Latents(before.network.inverse(0.7 * replayed.z), replayed.y, replayed.z)
    wrong = streams.Replay().lesson(likelihood, *nothing, narrow)

    divergences = []
    for each in (lesson, wrong):
        fit = engine(before.network, each.likelihood, num_steps=500, lr=0.03)
        after = fit.fit(each.data).network()
        found = after.law(before.components.means[0])
        divergences.append(2 * number * float(kl_divergence(law, found)))

    assert divergences[0] < 41  # of 14 degrees of freedom, passed once in 5,000 times
    assert divergences[1] > 200


def test_samples_have_their_components_and_latents():
    first, _ = learned(FORGET)
    x, y, z = first.sample(torch.tensor([3, 5]))
    assert y.tolist() == [0] * 3 + [1] * 5
    output = first.network(x)
    torch.testing.assert_close(output[:, :-1], z, atol=1e-3, rtol=1e-3)
    statistics = first.statistics(x, 0)
    joint = likelihoods.GaussianClasses(first.components.means)
    density = joint.distribution(output, {}).joint.logsumexp(-1)
    torch.testing.assert_close(statistics.sum(-1), density.detach())


def test_a_class_in_two_tasks_adds_up():
    components = streams.hybrid_posterior.Components.none(2)
    components = components.with_task(torch.tensor([0, 1]), 1.0)
    components = components.with_task(torch.tensor([1, 2, 2]), 1.0)
    assert components.classes.tolist() == [0, 1, 1, 2]
    assert components.indices(torch.tensor([2, 1]), 1).tolist() == [3, 2]
    probs = torch.tensor([[0.1, 0.2, 0.3, 0.4]])
    expected = torch.tensor([[0.1, 0.5, 0.4]])
    torch.testing.assert_close(components.class_probs(probs), expected)
    expected = torch.tensor([[0.3, 0.7]])
    torch.testing.assert_close(components.task_probs(probs), expected)


def test_a_wrong_spread_gets_a_sentence():
    with pytest.raises(ValueError, match=r"spread .* must be positive, not -1"):
        streams.HybridLearner(Affine(), engine, spread=-1)
