"""Rank correlations against scipy's and against known ranks."""

import pytest
import torch
from scipy.stats import spearmanr

from zoo.experiments.parts.rank_correlation import difference, rank_correlation


def test_it_is_spearmans_with_ties_and_an_error():
    torch.manual_seed(0)
    one = torch.randn(400)
    other = (one + torch.randn(400)).round()
    found = rank_correlation(one, other)
    expected = spearmanr(one.numpy(), other.numpy()).statistic
    assert found.value == pytest.approx(expected, abs=1e-9)
    assert 0.5 * (1 - expected**2) < 20 * found.error < 2 * (1 - expected**2)
    assert rank_correlation(one, -one.exp()).value == pytest.approx(-1)
    assert rank_correlation(one, torch.zeros(400)).value == 0


def test_a_difference_is_paired():
    torch.manual_seed(0)
    target = torch.randn(400)
    one = target + torch.randn(400)
    other = one + 0.05 * torch.randn(400)
    found = difference(one, other, target)
    both = rank_correlation(one, target), rank_correlation(other, target)
    assert found.value == pytest.approx(both[0].value - both[1].value)
    assert found.error < 0.3 * both[0].error
