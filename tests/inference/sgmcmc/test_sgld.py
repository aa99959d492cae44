"""SGLD against the exact posterior of linear regression, in units of Monte-Carlo error."""

import pytest
import torch
from monte_carlo import LIMIT, off_chains, one_thread  # noqa: F401

from tests.inference.sgmcmc.linear_chains import (
    along_axes,
    curvatures,
    fit,
    fit_many,
    means,
    variances,
)
from zoo import inference
from zoo.inference.sgmcmc.kernel import EpochKernel

pytestmark = pytest.mark.filterwarnings("ignore:SGLD.*(ESS|R-hat)")
RATES = (0.2, 0.1, 0.05)


@pytest.fixture(scope="module")
def posteriors():
    runs = {}
    for rate in RATES:
        runs[rate] = fit_many(inference.SGLD, lr=rate)
    return runs


@pytest.mark.parametrize("rate", RATES)
def test_variances_are_those_of_a_chain_of_this_step(posteriors, rate):
    """On a quadratic potential the variance is 1/(1 - ηh/2) times the exact one."""
    found, error = variances(posteriors[rate])
    expected = 1 / (1 - rate * curvatures() / 2)
    assert float(((found - expected).abs() / error).max()) < LIMIT
    mean, error = means(posteriors[rate])
    assert float((mean.abs() / error).max()) < LIMIT


def test_the_bias_falls_with_the_step(posteriors):
    excess, errors = [], []
    for rate in RATES:
        found, error = variances(posteriors[rate])
        excess.append(float(found[-1] - 1))
        errors.append(float(error[-1]))
    assert excess[0] > LIMIT * errors[0]  # the largest step is seen to be biased
    assert excess[0] > 2 * excess[1] > 2 * excess[2]


def test_the_configurational_temperature_is_the_mean_variance(posteriors):
    for rate in RATES:
        found, error = variances(posteriors[rate])
        mean, _, high = posteriors[rate].info.temperatures()["configurational"]
        error_of_both = (high - mean) / 1.96 + float(error.mean())
        assert abs(mean - float(found.mean())) < LIMIT * error_of_both
        assert error_of_both < 0.2


def test_batches_add_their_noise_and_small_steps_remove_it():
    """Batches of 5 of 20 data; a wrong N/B would move the mean as well."""
    excess = []
    for rate in (0.1, 0.05, 0.025):
        posterior = fit_many(inference.SGLD, 5, num_epochs=120, lr=rate)
        shared = along_axes(posterior).mean(0)[None]  # of chains with the same batches
        assert off_chains(shared, 0.0) < LIMIT
        found, _ = variances(posterior)
        excess.append(float(found.mean()) - 1)
    assert excess[0] > 1.7 * excess[1] > 1.7 * 1.7 * excess[2] > 0


def test_a_temperature_that_is_divided_twice_is_seen(monkeypatch):
    """The fault of a reference program: its draws have 1/N of the posterior's variance."""
    step = EpochKernel._move_by_batch

    def too_cold(self, step_size, noise_scale, *tensors):
        return step(self, step_size, noise_scale / 20**0.5, *tensors)

    monkeypatch.setattr(EpochKernel, "_move_by_batch", too_cold)
    posterior = fit_many(inference.SGLD, lr=0.2)
    found, _ = variances(posterior)
    assert float(found.max()) < 0.15
    assert posterior.info.temperatures()["configurational"].high < 0.2


def test_a_batch_that_counts_once_is_seen(monkeypatch):
    """Without N/B the posterior is that of a quarter of the data."""
    from zoo.inference.sgmcmc.batched_data import BatchedData

    whole = BatchedData.arguments_of
    monkeypatch.setattr(
        BatchedData, "arguments_of", lambda self, *batch: whole(self, *batch)[:2]
    )
    posterior = fit_many(inference.SGLD, 5, num_epochs=120, lr=0.05)
    found, _ = variances(posterior)
    assert float(found[1:].min()) > 2.0


def test_a_cold_posterior_has_the_variance_of_its_temperature():
    """T divides the potential once, and the step has T in it, so chains move as far as at 1."""
    posterior = fit_many(inference.SGLD, lr=0.1, temperature=0.25)
    found, error = variances(posterior)
    expected = 0.25 / (1 - 0.1 * curvatures() / 2)
    assert float(((found - expected).abs() / error).max()) < LIMIT
    assert posterior.info.temperature == 0.25


def test_a_decaying_step_ends_where_the_exponent_says():
    posterior = fit(inference.SGLD, lr=0.2, decay=0.5, num_epochs=9, num_chains=2)
    assert torch.allclose(posterior.info.step_size, torch.tensor(0.2 * 9**-0.5))
