"""Curves of accuracy over labels: what counts as reached, and who asks for what."""

import pyro.distributions as dist
import pytest
import torch
from torch import nn

import guides
from zoo import acquisition, priors
from zoo.datasets import Split
from zoo.experiments.parts import active_curve, severe_errors
from zoo.experiments.parts.active_curve import LabelCurve, Learner, balanced, learn
from zoo.model import BayesianNetwork

LABELS = [20, 30, 40, 50, 60]


def of(*rows):
    return LabelCurve(LABELS, torch.tensor(rows), torch.zeros(len(rows), 60))


def test_one_lucky_fit_reaches_nothing():
    lucky = [0.5, 0.99, 0.6, 0.7, 0.7]
    steady = [0.5, 0.8, 0.91, 0.96, 0.98]
    never = [0.5, 0.6, 0.6, 0.6, 0.6]
    needed = of(lucky, steady, never).needed(0.9)
    assert needed.tolist() == [torch.inf, 50.0, torch.inf]
    curve = of(lucky, steady)
    assert curve.at(30).tolist() == pytest.approx([99, 80])
    row = curve.rows()[1]
    assert row["accuracy"] == pytest.approx(0.895)
    assert row["error"] == pytest.approx(0.19 / 2, rel=1e-4)


def test_every_class_is_labelled_as_often():
    y = torch.randint(3, (90,), generator=torch.Generator().manual_seed(0))
    rows = balanced(y, 2, seed=0)
    assert y[rows].bincount().tolist() == [2, 2, 2]
    assert len(rows.unique()) == 6
    assert not torch.equal(rows, balanced(y, 2, seed=1))


class Run:
    """A run that builds models."""

    def build(self, network, prior, make_guide):
        from zoo import likelihoods

        model = BayesianNetwork(network, prior, likelihoods.Categorical())
        return model, make_guide(model)


@pytest.mark.parametrize("warm", [True, False])
def test_a_warm_fit_goes_on_from_the_last(warm, monkeypatch):
    starts = []
    engine = active_curve.SVI

    def svi(model, guide, **options):
        start = model.network.weight.detach().clone()
        starts.append((start, options["num_steps"]))
        return engine(model, guide, **options)

    monkeypatch.setattr(active_curve, "SVI", svi)
    x = torch.randn(60, 2)
    data = Split(x, (x[:, 0] > 0).long())
    learner = Learner(
        lambda: nn.Linear(2, 2),
        priors.WeightPrior(dist.Normal(0.0, 10.0)),
        guides.Delta,
        acquisition.max_entropy,
        num_samples=1,
        num_steps=3,
        first_steps=100,
        most=30,
        lr=0.1,
        warm=warm,
    )
    found = learn(Run(), learner, data, data, torch.arange(10), seed=0)
    assert found["labels"] == [10, 20, 30]
    assert found["probs"].shape == (60, 2)
    assert len(found["rows"].unique()) == 30
    assert min(found["accuracy"][: 1 + 2 * warm]) > 0.8
    assert [steps for _, steps in starts] == [100, 3, 3]
    (_, _), (second, _), (third, _) = starts
    moved = (third - second).abs().max()
    assert moved < 0.5 if warm else moved > 0.1


def test_an_animal_that_is_taken_for_a_vehicle_costs_ten():
    loss = severe_errors._severe_loss()
    assert loss[1, 3] == 10  # called car, is cat
    assert loss[3, 1] == loss[3, 5] == loss[8, 9] == 1
    assert loss.diagonal().sum() == 0
    assert int((loss == 10).sum()) == 24
