"""Fidelity: zero of a thing to itself, the floor of a second run, far away for a wrong one."""

import pyro
import pyro.distributions as dist
import pytest
import torch

import guides
import zoo
from zoo import inference, likelihoods, networks, priors
from zoo.diagnostics.scores import Functions, classification, regression
from zoo.posterior.draws_posterior import DrawsPosterior

CHAINS, DRAWS, N = 4, 500, 20


def posterior(values, likelihood=None, chains=CHAINS):
    """Make a posterior with given function values at x: a linear network with one-hot inputs."""
    outputs = values.shape[-1] if values.dim() == 3 else 1
    network = torch.nn.Linear(N, outputs, bias=False)
    model = zoo.BayesianNetwork(
        network,
        priors.WeightPrior(dist.Normal(0.0, 10.0)),
        likelihood or likelihoods.Gaussian(0.1),
    )
    weights = values.reshape(len(values), N, outputs).transpose(1, 2)
    return DrawsPosterior(
        model, state={}, info=None, draws={"weight": weights.unflatten(0, (chains, -1))}
    )


def normal(loc=0.0, scale=1.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return loc + scale * torch.randn(CHAINS * DRAWS, N, generator=generator)


def bare(values):
    """Return draws without held-out targets."""
    return Functions(values, values.new_zeros(len(values), 0))


x = torch.eye(N)


def test_a_second_run_scores_at_the_floor():
    score = zoo.fidelity(posterior(normal(seed=1)), posterior(normal()), x)
    # 500 draws a side: the mean of |difference of means| is sqrt(2/500) * 0.8 = 0.05,
    # over 20 inputs +- 0.009
    assert score.mean_error == pytest.approx(0.05, abs=0.04)
    assert score.spread_ratio == pytest.approx(1.0, abs=0.05)
    assert score.coverage == pytest.approx(0.9, abs=0.02)
    for name, value in score.scores.items():
        assert value == pytest.approx(score.floor[name], abs=0.06), name


@pytest.mark.parametrize(
    ("wrong", "name", "expected"),
    [
        (normal(loc=1.0, seed=1), "mean_error", 1.0),
        (normal(scale=0.5, seed=1), "spread_ratio", 0.5),
        (normal(scale=2.0, seed=1), "spread_ratio", 2.0),
        (normal(scale=0.5, seed=1), "wasserstein", 0.4),  # E|z| / 2
        (normal(loc=1.0, seed=1), "wasserstein", 1.0),
        (normal(scale=0.5, seed=1), "coverage", 0.589),  # P(|z| < 1.645 / 2)
    ],
)
def test_a_wrong_posterior_is_scored_by_how_wrong_it_is(wrong, name, expected):
    score = zoo.fidelity(posterior(wrong), posterior(normal()), x)
    assert getattr(score, name) == pytest.approx(expected, abs=0.06)
    assert abs(score.scores[name] - score.floor[name]) > 0.25


def test_agreement_and_total_variation_by_hand():
    ours = torch.tensor([[[0.8, 0.2], [0.4, 0.6]]])  # (S, N, O)
    truth = torch.tensor([[[0.6, 0.4], [0.7, 0.3]]])
    score = classification(bare(ours), bare(truth))
    assert score["agreement"] == 0.5
    assert score["total_variation"] == pytest.approx((0.2 + 0.3) / 2)


@pytest.mark.parametrize("shape", [(2, 2, 1), (2, 2)])
def test_one_probability_is_that_of_two_classes(shape):
    ours = torch.tensor([0.9, 0.4, 0.9, 0.4]).reshape(shape)
    truth = torch.tensor([0.6, 0.7, 0.6, 0.7]).reshape(shape)
    score = classification(
        bare(ours).with_both_classes(), bare(truth).with_both_classes()
    )
    assert score["agreement"] == 0.5
    assert score["total_variation"] == pytest.approx((0.3 + 0.3) / 2)
    three = bare(torch.rand(2, 2, 3))
    assert three.with_both_classes() is three


def test_a_logit_is_scored_by_probabilities_also_where_they_hardly_vary():
    """In units of its spread a probability near 1 would be far off for one rare draw."""
    certain = normal(loc=20.0, scale=5.0)
    other = normal(loc=20.0, scale=5.0, seed=1)
    bernoulli = likelihoods.Bernoulli()
    score = zoo.fidelity(posterior(other, bernoulli), posterior(certain, bernoulli), x)
    assert score.total_variation < 1e-3
    assert "wasserstein" not in score.scores


def test_the_mixture_over_draws_is_compared_not_draw_by_draw():
    split = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])
    even = torch.full((2, 1, 2), 0.5)
    assert classification(bare(split), bare(even))["total_variation"] == 0.0


def test_equal_numbers_of_draws_on_both_sides():
    score = zoo.fidelity(posterior(normal(seed=1)), posterior(normal()), x)
    assert score.num_samples == DRAWS
    assert len(bare(torch.randn(10, 2)).thin(4).values) == 4


def test_wasserstein_of_shifted_draws_is_the_shift():
    draws = torch.randn(100, 3)
    assert regression(bare(draws + 2 * draws.std(0, correction=0)), bare(draws))[
        "wasserstein"
    ] == pytest.approx(2.0, rel=1e-5)


def test_a_guide_is_no_truth():
    model = zoo.BayesianNetwork(
        networks.MLP(N, 1, hidden=[2]),
        priors.WeightPrior(dist.Normal(0.0, 1.0)),
        likelihoods.Gaussian(0.1),
    )
    pyro.set_rng_seed(0)
    engine = inference.SVI(model, guides.MeanField(model), num_steps=2, progress=False)
    guide = engine.fit((x, torch.zeros(N, 1)))
    with pytest.raises(ValueError, match="distance between two guides does not show"):
        zoo.fidelity(guide, guide, x)


def test_the_text_names_every_score_with_its_floor():
    score = zoo.fidelity(posterior(normal(seed=1)), posterior(normal()), x)
    assert "mean error" in str(score)
    assert "<table>" in score._repr_html_()
