"""Kwon's split of variances agrees with covariance matrices written out, and adds up."""

import pytest
import torch

from zoo import metrics

PROBS = (
    torch.randn(40, 7, 5, generator=torch.Generator().manual_seed(0)).mul(2).softmax(-1)
)


def test_both_parts_are_traces_of_matrices():
    epistemic, aleatoric = metrics.variance_split(PROBS)
    mean = PROBS.mean(0)
    for n in range(7):
        spread = sum(torch.outer(p - mean[n], p - mean[n]) for p in PROBS[:, n]) / 40
        noise = sum(p.diag() - torch.outer(p, p) for p in PROBS[:, n]) / 40
        assert epistemic[n] == pytest.approx(float(spread.trace()), rel=1e-5)
        assert aleatoric[n] == pytest.approx(float(noise.trace()), rel=1e-5)


def test_they_add_up_to_the_variance_of_the_class():
    epistemic, aleatoric = metrics.variance_split(PROBS)
    torch.testing.assert_close(
        epistemic + aleatoric, 1 - PROBS.mean(0).square().sum(-1)
    )
    classes = torch.distributions.Categorical(PROBS[:, 0]).sample((20_000,)).flatten()
    coded = torch.nn.functional.one_hot(classes, 5).double()
    assert coded.var(0).sum() == pytest.approx(
        float(epistemic[0] + aleatoric[0]), abs=5e-3
    )
    unbiased = (PROBS - PROBS.mean(0)).square().sum(
        (0, -1)
    ) / 39  # divided by S - 1 it does not
    assert not torch.allclose(unbiased + aleatoric, 1 - PROBS.mean(0).square().sum(-1))


def test_draws_that_agree_leave_no_epistemic_part():
    epistemic, aleatoric = metrics.variance_split(PROBS[:1].expand(9, 7, 5))
    torch.testing.assert_close(epistemic, torch.zeros(7))
    torch.testing.assert_close(aleatoric, 1 - PROBS[0].square().sum(-1))


@pytest.mark.parametrize(
    ("probs", "sentence"),
    [
        (PROBS[0], r"probs has shape \(7, 5\); write \(S, N, O\)"),
        (PROBS[..., :1], r"of two classes or more"),
        (PROBS.log(), "must be probabilities that sum to one"),
        (PROBS[..., :4], "must be probabilities that sum to one"),
        (PROBS / 0, "must be probabilities"),
        (PROBS * torch.nan, "NaN"),
    ],
)
def test_what_are_no_probabilities_gets_a_sentence(probs, sentence):
    with pytest.raises(ValueError, match=sentence):
        metrics.variance_split(probs)
