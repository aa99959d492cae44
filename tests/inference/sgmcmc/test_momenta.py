"""SGHMC and SGNHT: moments on linear regression, and temperatures under the noise of batches."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from monte_carlo import LIMIT, one_thread  # noqa: F401
from torch import nn

import zoo
from tests.inference.sgmcmc.linear_chains import (
    curvatures,
    exact_draws,
    fit,
    fit_many,
    means,
    variances,
)
from zoo import inference, likelihoods, priors
from zoo.inference.sgmcmc.moments import Adaptation, learn, observe, share_of_new

pytestmark = pytest.mark.filterwarnings("ignore:.*(ESS|R-hat|temperature)")
N, P, BATCH = 50, 10, 5


class Location(nn.Module):
    """The mean of all targets, whose gradients have equal noise in all directions."""

    def __init__(self):
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(P))

    def forward(self, x):
        return self.mean.expand(len(x), P)


def targets():
    """Return targets with mean 0 and covariance I, so that the noise of batches is known."""
    pyro.set_rng_seed(0)
    values = torch.randn(N, P)
    values = values - values.mean(0)
    root = torch.linalg.cholesky(values.T @ values / N)
    return torch.linalg.solve_triangular(root, values.T, upper=False).T


def location(kind, **options):
    """Run 16 chains with batches of 5 of 50 data."""
    y = targets()
    prior = priors.WeightPrior(dist.Normal(0.0, 10.0))
    model = zoo.BayesianNetwork(Location(), prior, likelihoods.Gaussian(1.0))
    settings = {"num_chains": 16, "num_epochs": 120, "burn_in": 40, "lr": 0.01}
    settings |= {"compile": False, "progress": False}
    return kind(model, **settings | options).fit((torch.zeros(N, 1), y), BATCH)


def heat(posterior):
    """Return the mean square of the draws over the exact variance, whose mean is 0."""
    return float(posterior.draws["mean"].square().mean() * (N + 0.01))


@pytest.mark.parametrize("rate", [0.1, 0.05, 0.02])
def test_variances_of_sghmc_are_those_of_a_chain_of_this_step(rate):
    posterior = fit_many(inference.SGHMC, lr=rate)
    found, error = variances(posterior)
    expected = 1 / (1 - rate * curvatures() / (4 - 2 * 0.1))
    assert float(((found - expected).abs() / error).max()) < LIMIT
    mean, error_of_mean = means(posterior)
    assert float((mean.abs() / error_of_mean).max()) < LIMIT

    kinetic = posterior.info.temperatures()["kinetic"]
    assert abs(kinetic.mean - float(expected.mean())) < 0.05


@pytest.mark.parametrize("rate", [0.1, 0.05, 0.02])
def test_the_thermostat_keeps_the_mean_variance_for_any_step(rate):
    posterior = fit_many(inference.SGNHT, lr=rate)
    found, error = variances(posterior)
    assert abs(float(found.mean()) - 1) < LIMIT * float(error.mean())
    assert posterior.info.temperatures()["kinetic"].mean == pytest.approx(1, abs=0.03)


@pytest.mark.full
def test_noise_of_batches_heats_sghmc_and_not_the_thermostat(monkeypatch):
    r"""The excess of independent batches is εV/2α = ηN/2αB, 0.5 here.

    In passes that see each datum once the noise of an epoch sums to zero, and the excess is
    small.
    """
    in_passes = location(inference.SGHMC)
    monkeypatch.setattr(inference.SGHMC, "assumes_white_noise", True)
    hot, right = location(inference.SGHMC), location(inference.SGNHT)
    assert heat(hot) == pytest.approx(1.5, abs=0.12)
    assert heat(in_passes) == pytest.approx(1, abs=0.08)
    assert heat(right) == pytest.approx(1, abs=0.08)
    assert hot.info.temperatures()["kinetic"].low > 1.4
    assert right.info.temperatures()["kinetic"].mean == pytest.approx(1, abs=0.02)


def test_less_noise_is_added_where_that_of_batches_is_estimated():
    posterior = location(inference.SGHMC, noise_estimate=True)
    assert heat(posterior) == pytest.approx(1, abs=0.08)
    assert posterior.info.temperatures()["kinetic"].mean == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("kind", [inference.SGLD, inference.SGHMC])
def test_a_preconditioner_that_is_fixed_adds_no_bias(kind):
    rate = 0.05 if kind is inference.SGLD else 0.02
    posterior = fit_many(kind, lr=rate, preconditioner=True)
    found, error = variances(posterior)
    assert float((found - 1).max()) < 0.15 + LIMIT * float(error.max())
    assert float((1 - found).max()) < LIMIT * float(error.max())
    mean, error_of_mean = means(posterior)
    assert float((mean.abs() / error_of_mean).max()) < LIMIT


def test_a_preconditioner_is_learned_from_squares_and_then_fixed():
    state = Adaptation(preconditioner=True, noise=True).state(torch.zeros(1, 3))
    gradients = torch.randn(400, 1, 3) * torch.tensor([1.0, 4.0, 16.0])
    for number, gradient in enumerate(gradients, start=1):
        observe(state, gradient, torch.tensor(share_of_new(number)))
    learn(state)
    ratio = state["metric"][0, :-1] / state["metric"][0, 1:]
    assert torch.allclose(ratio, torch.full((2,), 4.0), rtol=0.3)
    assert float(state["metric"].log().mean()) == pytest.approx(0, abs=1e-5)
    expected = torch.tensor([[1.0, 16.0, 256.0]])
    assert torch.allclose(state["noise_variance"], expected, rtol=0.5)

    before = state["mean_square"].clone()
    observe(state, torch.full((1, 3), 99.0), torch.tensor(0.0))
    assert torch.equal(state["mean_square"], before)


def test_control_variates_take_away_the_noise_near_their_centre():
    """The regression is linear, so the noise is that of curvatures alone."""
    plain = fit_many(inference.SGLD, 5, num_epochs=120, lr=0.05)
    controlled = fit_many(
        inference.SGLD, 5, num_epochs=120, lr=0.05, control=exact_draws(100)
    )
    expected = 1 / (1 - 0.05 * curvatures() / 2)
    excess = [
        float((variances(posterior)[0] - expected).mean())
        for posterior in (plain, controlled)
    ]
    assert excess[1] < 0.6 * excess[0]
    initial = 128
    assert controlled.info.num_gradients == initial + 120 * 4 * 129


def test_control_variates_are_without_bias(monkeypatch):
    """At any positions the mean over the batches of an epoch is the gradient of all data."""
    from zoo.inference.sgmcmc.batch_gradient import ControlledGradient

    seen = []
    original = ControlledGradient.__call__

    def call(self, state, arguments):
        state = state | {"position": torch.ones_like(state["position"])}
        gradient, energy = original(self, state, arguments)
        whole, _ = self.potential.on(*arguments).gradient(state["position"])
        seen.append((gradient, whole))
        return gradient, energy

    monkeypatch.setattr(ControlledGradient, "__call__", call)
    settings = {"control": exact_draws(9), "compile": "plain", "num_epochs": 1}
    fit(inference.SGLD, 5, burn_in=0, **settings)
    controlled = torch.stack([pair[0] for pair in seen]).mean(0)
    whole = torch.stack([pair[1] for pair in seen]).mean(0)
    assert torch.allclose(controlled, whole, rtol=1e-3)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (inference.SGHMC, {"friction": 0.0}, "friction must be a share .* not 0.0"),
        (inference.SGNHT, {"friction": 1.0}, "friction must be a share .* not 1.0"),
        (inference.SGNHT, {"thermostat_rate": 0.0}, "thermostat_rate is a learning"),
        (
            inference.SGHMC,
            {"preconditioner": True, "burn_in": 0},
            "a preconditioner is learned in burn-in, of which there is none",
        ),
    ],
)
def test_wrong_arguments_are_refused(kind, options, message):
    from tests.inference.sgmcmc.linear_chains import build

    with pytest.raises(ValueError, match=message):
        kind(build(), **options)
