"""Minima that fit the training data and not the test data, and the size of basins."""

import math

import pyro
import pyro.distributions as dist
import pytest
import torch
from scipy import stats

import zoo
from zoo import landscape, likelihoods, networks, priors
from zoo.landscape.minima import level
from zoo.landscape.minima.misfit import misfit_gradient
from zoo.landscape.points.target import potential_of

NOISE, SCALE = 0.5, 0.7


def build():
    return zoo.BayesianNetwork(
        networks.MLP(2, 2, hidden=[40, 40], activation=torch.nn.ReLU),
        priors.WeightPrior(dist.Normal(0.0, 1.0)),
        likelihoods.Categorical(),
    )


@pytest.fixture(scope="module")
def moons():
    """Make a few points with right labels, and others with wrong ones."""
    data = zoo.datasets.toy.moons(6, noise=0.05, num_test=300)
    x, y = zoo.datasets.toy.moons(300, noise=0.05, seed=1).train
    far = torch.cdist(x, data.train.x).amin(1) > 0.1
    return data, (x[far], 1 - y[far])


def test_a_bad_minimum_has_the_loss_of_the_good_one(moons):
    pyro.set_rng_seed(0)
    data, wrong = moons
    found = landscape.bad_minimum(
        build(), data, wrong, num_epochs=250, batch_size=150, loss=0.02, progress=False
    )

    good, bad = found.terms.loss.tolist()
    assert good == pytest.approx(bad, rel=1e-3)
    assert good <= 0.02 * (1 + 1e-3)
    for end in (found.good, found.bad):
        probs = end.predict(data.train.x, 1).probs
        assert torch.equal(probs.argmax(-1), data.train.y)

    errors = found.terms.test_error
    assert errors[0] < 0.3
    assert errors[1] > 0.7
    assert "test error" in str(found)
    assert found.distance > 0


def test_too_short_a_search_is_said(moons, monkeypatch):
    data, wrong = moons
    monkeypatch.setattr(level, "_LONGEST", 2)
    with pytest.warns(UserWarning, match="; write") as said:
        landscape.bad_minimum(
            build(), data, wrong, num_epochs=1, share=0.01, progress=False
        )

    sentences = [str(each.message) for each in said]
    assert len(sentences) == 3
    assert all("came down to" in sentence for sentence in sentences[:2])
    assert "of the training data wrong; write more epochs" in sentences[2]


@pytest.mark.parametrize("wrong", [{"share": 1.0}, {"lr": 0.0}, {"loss": -1.0}])
def test_wrong_arguments_of_a_bad_minimum_are_refused(wrong, moons):
    (name,) = wrong
    with pytest.raises(ValueError, match=f"{name} must be a number"):
        landscape.bad_minimum(build(), *moons, **wrong)


def test_the_misfit_is_not_lost_in_the_rounding_of_the_prior():
    x, y = torch.randn(6, 300), torch.randn(6, 1)
    model = zoo.BayesianNetwork(
        networks.MLP(300, 1, hidden=[300]),
        priors.WeightPrior(dist.Normal(0.0, 1e-3)),
        likelihoods.Gaussian(100.0),
    )
    potential = potential_of(model, x, y)
    q = potential.pack(potential.initial_values())[None]
    with potential.program.running():
        gradient, value = misfit_gradient(potential.on(x, y), q)
        joint, energy = potential.on(x, y).gradient(q)
        prior, of_prior = potential.on().gradient(q)
        model.double()
        exact = potential_of(model, x.double(), y.double())
        truth = misfit_gradient(exact.on(x.double(), y.double()), q.double())

    assert value == pytest.approx(float(truth[1]), rel=1e-5)
    assert (gradient - truth[0]).norm() < 1e-4 * truth[0].norm()
    assert (joint - prior - truth[0]).norm() > 0.1 * truth[0].norm()
    assert abs(energy - of_prior - truth[1]) > 1e-3


def test_a_ball_has_its_exact_volume_and_mass():
    signs = [[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]
    x, y = torch.tensor(signs).double(), torch.zeros(4, 1).double()
    model = zoo.BayesianNetwork(
        networks.MLP(3, 1, hidden=[]).double(),
        priors.WeightPrior(dist.Normal(0.0, SCALE)),
        likelihoods.Gaussian(NOISE),
    )
    zeros = {"layer1.weight": torch.zeros(1, 3), "layer1.bias": torch.zeros(1)}
    draws = {name: value.double()[None, None] for name, value in zeros.items()}
    centre = zoo.posterior.DrawsPosterior(model, draws=draws, state={}, info=None)

    lowest = 0.5 * math.log(2 * math.pi * NOISE**2)
    found = landscape.basin(centre, (x, y), ceiling=lowest + 0.3, num_directions=4)
    radius = NOISE * math.sqrt(2 * 0.3)
    assert torch.allclose(found.radii, torch.full((4,), radius).double(), rtol=1e-5)
    assert found.log_volume == pytest.approx(math.log(math.pi**2 / 2 * radius**4))

    precision = 4 / NOISE**2 + 1 / SCALE**2
    inside = stats.chi2.logcdf(precision * radius**2, 4)
    evidence = -4 * lowest - 4 * math.log(SCALE) - 2 * math.log(precision)
    assert found.log_mass == pytest.approx(evidence + inside, abs=1e-4)
    assert abs(found.log_mass - evidence) > 0.05  # that of the whole posterior
    assert found.log_volume_error < 1e-4 > found.log_mass_error


def test_a_basin_needs_a_ceiling_above_the_fit(linear):
    fit = linear.posterior(linear.exact.mean)
    with pytest.raises(ValueError, match="ceiling must be above the training loss"):
        landscape.basin(fit, linear.data, ceiling=1e-3)
    assert "radius" in repr(landscape.basin(fit, linear.data, ceiling=5.0))
    relative = landscape.basin(fit, linear.data, ceiling=5.0, normalised=True)
    assert (
        relative.log_mass != relative.log_mass
    )  # no mass of directions that are not uniform
