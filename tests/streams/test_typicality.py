"""The test of typicality: its level, its power, and a one-sided test that notices nothing."""

import pytest
import torch
from torch.distributions import Normal

from zoo.streams import Typicality

LEVEL = 0.05


def log_density(x):
    """Return the log density of standard normal vectors, (N, 1)."""
    return Normal(0.0, 1.0).log_prob(x).sum(-1, keepdim=True)


def two_statistics(x):
    """Return two dependent statistics of different scale, the second one skewed."""
    return torch.stack([10 * x.sum(-1), x.square().sum(-1) + x[:, 0]], -1)


def alarms(statistics, num_trials=400, scale=1.0):
    """Return how often a batch is taken for new, with references of their own."""
    number = 0
    for _ in range(num_trials):
        test = Typicality(statistics(torch.randn(300, 3)))
        number += test.p_value(statistics(scale * torch.randn(40, 3))) < LEVEL
    return number / num_trials


@pytest.mark.parametrize("statistics", [log_density, two_statistics])
def test_false_alarms_are_as_frequent_as_stated(statistics, monkeypatch):
    torch.manual_seed(0)
    monkeypatch.setattr("zoo.streams.typicality._NUM_RESAMPLED", 400)
    rate = alarms(statistics)
    error = (LEVEL * (1 - LEVEL) / 400) ** 0.5
    assert abs(rate - LEVEL) < 3 * error
    assert abs(2 * LEVEL - LEVEL) > 3 * error  # a test of twice the level is noticed


def test_a_denser_task_is_noticed_which_a_one_sided_test_of_the_density_does_not():
    torch.manual_seed(0)
    reference = log_density(torch.randn(500, 3))
    test = Typicality(reference)
    lowest = reference.unfold(0, 40, 40).mean(-1).min()  # of batches of the known task
    for _ in range(20):
        batch = log_density(
            0.3 * torch.randn(40, 3)
        )  # inside, where the density is high
        assert batch.mean() > reference.mean()
        assert batch.mean() > lowest  # no alarm where the density is low alone
        assert test.p_value(batch) < 0.01


def test_p_values_do_not_depend_on_the_units_of_the_statistics():
    torch.manual_seed(0)
    reference, batch = two_statistics(torch.randn(200, 3)), torch.randn(30, 3)
    mixed = torch.tensor([[2.0, 1.0], [0.0, 0.1]])
    first = Typicality(reference).p_value(two_statistics(batch))
    second = Typicality(reference @ mixed).p_value(two_statistics(batch) @ mixed)
    assert abs(first - second) < 2e-3


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        (torch.zeros(20), r"must be statistics \(M, S\) .* not \(20,\)"),
        (torch.zeros(3, 2), r"at least 4 .* not \(3, 2\)"),
        (torch.full((20, 2), float("nan")), "NaN or infinite"),
        (torch.ones(20, 2), "do not vary"),
    ],
)
def test_a_wrong_reference_gets_a_sentence(reference, sentence):
    with pytest.raises(ValueError, match=sentence):
        Typicality(reference)
