"""Repulsive ensembles against the fixed points of their equations on a normal posterior."""

import math

import pyro
import pyro.distributions as dist
import pytest
import torch
from monte_carlo import one_thread  # noqa: F401
from torch import nn

import zoo
from zoo import inference, likelihoods, networks, priors
from zoo.inference.particles.repulsion import bandwidth, density_direction

X = torch.linspace(-1, 1, 12)[:, None]
Y = 0.7 * X + 0.3 * torch.sin(5 * X)
PRECISION = float(1 + X.square().sum() / 0.5**2)  # of the slope, under N(0, 1)
MEAN = float((X * Y).sum() / 0.5**2 / PRECISION)


def slope():
    network = nn.Linear(1, 1, bias=False)
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    return zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(0.5))


def fit(model, repulsion, **options):
    pyro.set_rng_seed(0)
    usual = {"num_particles": 60, "num_steps": 600, "compile": False}
    engine = inference.RepulsiveEnsemble(
        model, repulsion=repulsion, progress=False, **{**usual, **options}
    )
    return engine.fit((X, Y))


def test_stein_particles_have_the_mean_and_the_variance_of_a_normal_posterior():
    draws = fit(slope(), "stein").sample()["weight"].flatten().double()
    assert float(draws.mean()) == pytest.approx(MEAN, abs=0.05 / PRECISION**0.5)
    assert float(draws.var()) * PRECISION == pytest.approx(1.0, abs=0.06)


def test_ensemble_of_maxima_a_posteriori_is_rejected(monkeypatch):
    module = inference.particles.repulsive_ensemble
    monkeypatch.setattr(
        module, "density_direction", lambda u: (torch.zeros_like(u), torch.ones(()))
    )
    draws = fit(slope(), "weights").sample()["weight"]
    assert float(draws.mean()) == pytest.approx(MEAN, abs=0.05 / PRECISION**0.5)
    assert float(draws.var()) * PRECISION < 0.01


@pytest.mark.parametrize("repulsion", ["weights", "functions"])
def test_density_particles_have_the_fixed_point_of_a_normal_posterior(repulsion):
    r"""The kernel estimate of normal particles of variance s² has the variance s² + h / 2.

    The flow stops where that is the posterior's. The median of the squared distances is
    0.91 s², so s² = σ² / (1 + 0.455 / log K), well below that of the posterior.
    Functions of one slope are as far apart as the slopes, up to a factor.
    """
    draws = fit(slope(), repulsion).sample()["weight"].flatten().double()
    expected = 1 / (1 + 0.455 / math.log(60))
    assert float(draws.mean()) == pytest.approx(MEAN, abs=0.05 / PRECISION**0.5)
    assert float(draws.var()) * PRECISION == pytest.approx(expected, abs=0.04)


def test_median_heuristic_and_the_gradient_of_the_kernel_estimate():
    positions = torch.tensor([[0.0], [1.0], [3.0]], dtype=torch.float64)
    width = bandwidth(positions)
    assert float(width) == pytest.approx(4 / math.log(3))

    direction, _ = density_direction(positions)
    position = positions[0].clone().requires_grad_()
    kernel = (-(position - positions).square().sum(-1) / width).exp()
    kernel.sum().log().backward()
    torch.testing.assert_close(direction[0], -position.grad)


def curve():
    network = networks.MLP(1, 1, hidden=[10])
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    return zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(0.1))


def test_ensemble_is_saved_pruned_and_has_no_bound(tmp_path):
    posterior = fit(curve(), "functions", num_particles=4, num_steps=3)
    path = tmp_path / "posterior.safetensors"
    posterior.save(path)
    loaded = zoo.load(path, curve())
    assert loaded.info.repulsion == "functions"
    assert torch.equal(loaded.predict(X).functions, posterior.predict(X).functions)

    pruned = zoo.prune(posterior, 0.5).sample()["layer1.weight"]
    kept = pruned.flatten(1) != 0
    assert pruned.shape == (4, 10, 1)
    assert bool((kept == kept[0]).all())

    with pytest.raises(ValueError, match="a bound needs the density of a guide"):
        posterior.bound((X, Y))


def test_arguments_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="repulsion must be one of 'functions'"):
        inference.RepulsiveEnsemble(slope(), repulsion="charge")

    with pytest.raises(
        ValueError, match=r"lr must be a positive, finite number, not 0"
    ):
        inference.RepulsiveEnsemble(slope(), lr=0)

    with pytest.raises(ValueError, match="write repulsion='weights'"):
        inference.RepulsiveEnsemble(lambda: pyro.sample("z", dist.Normal(0.0, 1.0)))
