"""A spike that narrows by stages: weights that nothing needs end in it, and others do not."""

import math

import pyro
import pytest
import torch
from torch import nn

import guides
import zoo
from zoo import likelihoods, priors
from zoo.experiments.parts.narrowing_spike import NarrowingSpike
from zoo.inference import SVI

NEEDED = 3  # of the inputs
WIDTH, SPIKE = 1.0, math.exp(-6)


def mixture(spike):
    return priors.WeightPrior(priors.ScaleMixture(0.25, WIDTH, spike))


def build():
    pyro.set_rng_seed(0)
    network = nn.Linear(60, 1, bias=False)
    likelihood = likelihoods.Gaussian(scale=1.0)
    model = zoo.BayesianNetwork(network, mixture(SPIKE), likelihood)
    return model, guides.LocalReparam(model)


@pytest.fixture(scope="module")
def data():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1_000, 60, generator=generator)
    noise = torch.randn(1_000, 1, generator=generator)
    return x, x[:, :NEEDED].sum(1, keepdim=True) + noise


def scales(posterior):
    return posterior.guide.scale("weight").detach().flatten()


def test_unneeded_weights_end_in_the_spike_and_with_one_stage_they_do_not(data):
    options = {"num_steps": 1_500, "lr": 5e-3, "scale_lr": 3e-2, "progress": False}
    wider = [mixture(math.exp(-exponent)) for exponent in (2, 3, 4, 5)]
    model, guide = build()
    narrowed = NarrowingSpike(model, guide, wider=wider, **options).fit(data)
    assert narrowed.model is model
    assert narrowed.info.num_steps == 300  # of the last stage
    unneeded = scales(narrowed)[NEEDED:]
    assert (unneeded < 2 * SPIKE).float().mean() > 0.8
    means = narrowed.guide.loc["weight"].flatten()
    assert ((means[:NEEDED] - 1).abs() < 5 / math.sqrt(1_000)).all()

    alone = SVI(*build(), **options).fit(data)
    assert (scales(alone)[NEEDED:] < 2 * SPIKE).float().mean() < 0.2
    better, worse = (fit.bound(data, num_samples=100) for fit in (narrowed, alone))
    assert better.value + 5 * (better.error + worse.error) < worse.value


def test_without_wider_priors_it_is_a_fit_of_svi(data):
    options = {"num_steps": 7, "lr": 1e-2, "progress": False, "deterministic": 0.0}
    model, guide = build()
    ours = NarrowingSpike(model, guide, wider=(), **options).fit(data)
    model, guide = build()
    theirs = SVI(model, guide, **options).fit(data)
    assert torch.equal(scales(ours), scales(theirs))


def test_files_of_earlier_stages_are_removed_with_the_last(data, tmp_path):
    model, guide = build()
    path = tmp_path / "fit.run"
    options = {"num_steps": 6, "lr": 1e-2, "progress": False, "checkpoint": path}
    NarrowingSpike(model, guide, wider=[mixture(0.1)] * 2, **options).fit(data)
    assert [file.name for file in tmp_path.glob("*.run")] == ["fit.run"]
