"""Contraction and Pareto k on linear regression, where both are known."""

import pyro
import pytest
import torch

import guides
import zoo
from zoo import inference, likelihoods, networks, priors, references
from zoo.diagnostics import contraction, k_hat

REFERENCE = references.load(references.linear)
MODEL, DATA = REFERENCE.model, REFERENCE.data
EXACT = DATA.exact


def fitted(scale=1.0):
    """Return a full-rank guide set to the exact posterior with another scale."""
    guide = guides.FullRank(MODEL)
    return inference.SVI(MODEL, guide, num_steps=2500, lr=2e-2, progress=False).fit(
        DATA.train
    )


@pytest.fixture(scope="module")
def full_rank():
    pyro.set_rng_seed(0)
    return fitted()


def test_contraction_is_the_posteriors_spread_over_the_priors(full_rank):
    pyro.set_rng_seed(0)
    found = contraction(full_rank, 4000)
    exact = EXACT.covariance.diag().sqrt().float() / DATA.prior_scale
    torch.testing.assert_close(
        found.ratios["layer1.weight"].flatten(), exact[:-1], rtol=0.15, atol=0.0
    )
    torch.testing.assert_close(
        found.ratios["layer1.bias"], exact[-1:], rtol=0.15, atol=0.0
    )
    assert torch.allclose(
        found.by_node("layer1.weight"), found.ratios["layer1.weight"].mean(-1)
    )
    assert "above 0.9" in str(found)


def test_a_draw_of_the_prior_has_learned_nothing():
    guide = guides.MeanField(MODEL, init_scale=float(DATA.prior_scale))
    with torch.no_grad():
        engine = inference.SVI(MODEL, guide, num_steps=1, lr=1e-8, progress=False)
    found = contraction(engine.fit(DATA.train), 4000)
    assert float(found.ratios["layer1.weight"].min()) > 0.9


def test_improper_priors_have_no_spread():
    flat = zoo.BayesianNetwork(
        networks.MLP(3, 1, hidden=[]),
        priors.WeightPrior(priors.LogUniform()),
        likelihoods.Gaussian(0.5),
    )
    posterior = inference.SVI(
        flat, guides.MeanField(flat), num_steps=1, progress=False
    ).fit(DATA.train)
    with pytest.raises(ValueError, match="is improper and has no draws"):
        contraction(posterior)


def test_k_of_a_good_proposal_is_small_and_of_a_narrow_one_large(full_rank):
    pyro.set_rng_seed(0)
    assert k_hat(full_rank, DATA.train) < 0.5
    narrow = guides.MeanField(MODEL, init_scale=0.01, max_scale=0.02)
    engine = inference.SVI(MODEL, narrow, num_steps=1500, lr=2e-2, progress=False)
    assert k_hat(engine.fit(DATA.train), DATA.train) > 0.7


def test_k_needs_a_density_and_a_tail(full_rank):
    dropout = inference.SVI(
        MODEL, guides.MCDropout(MODEL), num_steps=1, progress=False
    ).fit(DATA.train)
    with pytest.raises(ValueError, match="a guide with a density"):
        k_hat(dropout, DATA.train)
    with pytest.raises(
        ValueError,
        match=r"a guide with a density.*this posterior is from 4 chains of 200 draws",
    ):
        k_hat(REFERENCE.runs["NUTS"], DATA.train)
    with pytest.raises(ValueError, match="num_samples of at least 1000, not 100"):
        k_hat(full_rank, DATA.train, num_samples=100)
