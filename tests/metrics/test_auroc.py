"""The area under the curve is the chance that a positive scores higher, on any scale."""

import pytest
import torch

from zoo import metrics


def pairs(scores, positive):
    """Count all pairs, the definition itself."""
    high, low = scores[positive].unsqueeze(-1), scores[~positive]
    return float(((high > low).double() + 0.5 * (high == low)).mean())


def draw(num_data=300):
    random = torch.Generator().manual_seed(0)
    positive = torch.rand(num_data, generator=random) < 0.4
    scores = torch.randn(num_data, generator=random) + positive
    return scores, positive


@pytest.mark.parametrize("round_to", [None, 0])
def test_it_is_the_share_of_pairs_in_order_ties_half(round_to):
    scores, positive = draw()
    scores = scores if round_to is None else scores.round()
    assert metrics.auroc(scores, positive) == pytest.approx(
        pairs(scores, positive), abs=1e-6
    )


@pytest.mark.parametrize(
    "change", [lambda s: 1e4 + s, lambda s: 100 * s, torch.exp, torch.sigmoid]
)
def test_only_the_order_counts(change):
    scores, positive = draw()
    expected = metrics.auroc(scores.double(), positive)
    assert metrics.auroc(change(scores.double()), positive) == pytest.approx(
        float(expected)
    )


def test_turning_the_scores_round_turns_the_area_round():
    scores, positive = draw()
    total = metrics.auroc(scores, positive) + metrics.auroc(-scores, positive)
    assert total == pytest.approx(1.0, abs=1e-6)
    assert metrics.auroc(torch.zeros(300), positive) == 0.5


def test_zeros_and_ones_will_do_for_positive():
    scores, positive = draw()
    assert metrics.auroc(scores, positive.long()) == metrics.auroc(scores, positive)


def test_bad_input_gets_a_sentence():
    scores, positive = draw()
    with pytest.raises(
        ValueError, match=r"scores has shape \(300,\), positive has shape \(5,\)"
    ):
        metrics.auroc(scores, positive[:5])
    with pytest.raises(
        ValueError, match=r"positive holds 1; .*some True and some False"
    ):
        metrics.auroc(scores, torch.ones(300))
    with pytest.raises(ValueError, match="1 NaN"):
        metrics.auroc(torch.tensor([0.0, torch.nan]), torch.tensor([0, 1]))
    with pytest.raises(ValueError, match=r"\(2, 1\); write \(N,\)"):
        metrics.auroc(torch.zeros(2, 1), torch.tensor([[0], [1]]))
