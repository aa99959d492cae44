"""The card against a reference: a second run is at the floor, what is wrong is far from it."""

import exact
import pytest
import torch
from pyro import poutine

import guides
import zoo
from zoo import inference, references
from zoo.diagnostics.functions import Functions
from zoo.diagnostics.scores import regression
from zoo.diagnostics.verdict import verdict
from zoo.posterior.draws_posterior import DrawsPosterior

REFERENCE = references.load(references.linear)
EXACT = REFERENCE.data.exact


def drawn(scale=1.0, shift=0.0, count=800, seed=1):
    """Draw from the exact posterior, scaled around its mean or moved by standard deviations."""
    torch.manual_seed(seed)
    covariance = EXACT.covariance * scale**2
    exact = torch.distributions.MultivariateNormal(
        EXACT.mean + shift * EXACT.covariance.diag().sqrt(), covariance
    )
    draws = exact.sample((1, count)).float()
    sites = {"layer1.weight": draws[..., None, :-1], "layer1.bias": draws[..., -1:]}
    return DrawsPosterior(REFERENCE.model, state={}, info=None, draws=sites)


def test_the_exact_posterior_is_at_the_floor():
    card = zoo.fidelity(drawn(), REFERENCE)
    assert (
        card.verdict
        == "correct mean, correct spread, correct spread away from the data"
    )
    assert abs(card.log_likelihood_gap) < 0.01
    for name in card.scores:
        assert card.beyond(name) < 3, name


@pytest.mark.parametrize(
    ("scale", "says"),
    [(0.5, "% of the reference's spread"), (2.0, " times the reference's spread")],
)
def test_half_and_double_the_scale_leave_it(scale, says):
    card = zoo.fidelity(drawn(scale), REFERENCE)
    assert card.spread_ratio == pytest.approx(scale, rel=0.1)
    assert card.epistemic_away == pytest.approx(scale, rel=0.1)
    assert card.beyond("spread_ratio") > 5
    assert card.beyond("wasserstein") > 3
    assert card.verdict.startswith("correct mean, ")
    assert says in card.verdict


def test_a_moved_mean_leaves_it():
    card = zoo.fidelity(drawn(shift=1.0), REFERENCE)
    assert card.beyond("mean_error") > 5
    assert card.verdict.startswith("mean off by")
    assert card.log_likelihood_gap > 0


def test_prior_draws_are_far_away():
    torch.manual_seed(0)
    sites = [poutine.trace(REFERENCE.model).get_trace().nodes for _ in range(400)]
    draws = {
        name: torch.stack([each[name]["value"].detach() for each in sites])[None]
        for name in REFERENCE.weights
    }
    card = zoo.fidelity(
        DrawsPosterior(REFERENCE.model, state={}, info=None, draws=draws), REFERENCE
    )
    assert card.spread_ratio > 5
    assert card.beyond("spread_ratio") > 20
    assert card.log_likelihood_gap > 0.5


@pytest.mark.full
def test_a_second_run_scores_at_the_floor():
    sampler = inference.HMC(
        REFERENCE.model,
        num_chains=4,
        warmup_steps=200,
        num_samples=200,
        num_steps=10,
        jitter=0.5,
        progress=False,
    )
    card = zoo.fidelity(sampler.fit(REFERENCE.data.train), REFERENCE)
    for name in card.scores:
        assert card.beyond(name) < 4, name


def test_a_guide_and_bare_function_values():
    engine = inference.SVI(
        REFERENCE.model, guides.Delta(REFERENCE.model), num_steps=3, progress=False
    )
    card = zoo.fidelity(engine.fit(REFERENCE.data.train), REFERENCE)
    assert card.spread_ratio == 0.0
    values = REFERENCE.posterior.predict(REFERENCE.inputs).functions[::7]
    card = zoo.fidelity(values, REFERENCE)
    assert "log_likelihood_gap" not in card.scores
    assert card.beyond("wasserstein") < 3


def test_inputs_come_from_one_side():
    with pytest.raises(ValueError, match="omit x: the reference has inputs of its own"):
        zoo.fidelity(drawn(), REFERENCE, REFERENCE.inputs)
    with pytest.raises(
        ValueError, match=r"write x=\.\.\., the inputs at which to compare"
    ):
        zoo.fidelity(drawn(), drawn())


def test_the_gap_by_hand():
    ours = Functions(
        torch.zeros(2, 1), torch.tensor([[0.5, 0.1], [0.1, 0.1]]).log()
    )  # (S, K)
    truth = Functions(torch.zeros(1, 1), torch.tensor([[0.6, 0.2]]).log())
    expected = (torch.tensor([0.6, 0.2]).log() - torch.tensor([0.3, 0.1]).log()).mean()
    found = regression(ours, truth)["log_likelihood_gap"]
    assert found == pytest.approx(float(expected))


def test_the_picture_has_bands_spreads_and_scores():
    card = zoo.fidelity(drawn(0.5), REFERENCE)
    figure = card.plot()
    bands, spreads, bars = figure.axes
    assert len(bands.collections) == 2
    assert len(spreads.lines) == 3  # among the data, away, and the diagonal
    assert len(bars.patches) == 2 * len(card.scores)
    assert figure.get_suptitle().replace("\n", " ") == card.verdict


def test_context_is_the_proposal_and_the_evidence():
    torch.manual_seed(0)
    engine = inference.SVI(
        REFERENCE.model,
        guides.MeanField(REFERENCE.model),
        num_steps=1500,
        lr=1e-2,
        progress=False,
    )
    card = zoo.fidelity(engine.fit(REFERENCE.data.train), REFERENCE)
    gap = float(exact.mean_field_gap(EXACT.precision))
    assert gap > 0.5
    assert card.context["ELBO gap"] == pytest.approx(
        gap, abs=0.25
    )  # what is left: 1000 draws, and the fit's own
    assert 0.2 < card.context["Pareto k"] < 1.5  # too narrow along what is correlated
    assert "Pareto" not in card.verdict
    note = card.plot().get_supxlabel().replace("\n", " ")
    assert "for context: Pareto k" in note
    assert f"bound {card.bound} nats per datum (optimum)" in note
    above = card.bound.value * 50 + REFERENCE.log_evidence  # in nats over all data
    assert abs(above - gap) < 4.5 * 50 * card.bound.error + 0.1  # the fit's own


def test_draws_have_no_context():
    assert zoo.fidelity(drawn(), REFERENCE).context == {}


def test_scores_are_attributes_that_an_editor_completes():
    card = zoo.fidelity(drawn(count=40), REFERENCE)
    for name, value in card.scores.items():
        assert isinstance(getattr(zoo.diagnostics.Fidelity, name), property), name
        assert getattr(card, name) == value, name


@pytest.mark.parametrize("name", ["agreement", "total_variation"])
def test_a_score_of_another_kind_of_problem_is_refused(name):
    card = zoo.fidelity(drawn(count=40), REFERENCE)
    with pytest.raises(
        AttributeError,
        match=f"this card has no {name}; its scores are mean_error, ",
    ):
        getattr(card, name)


def test_the_truth_is_called_reference():
    with pytest.raises(TypeError, match="no argument 'truth'; write reference="):
        zoo.fidelity(drawn(count=40), truth=REFERENCE)


def test_the_verdict_names_what_is_wrong_at_single_inputs():
    scores = {"mean_error": 0.1, "spread_ratio": 1.0, "spread_factor": 2.2}
    far = {"mean_error": 0.0, "spread_ratio": 0.0, "spread_factor": 9.0}
    assert verdict(scores, far) == (
        "correct mean, correct spread, spread at single inputs wrong by a factor of 2.2 on average"
    )
    near = dict.fromkeys(scores, 0.0)
    assert verdict(scores, near) == "correct mean, correct spread"


def test_the_verdict_on_classes():
    scores = {"agreement": 0.95, "total_variation": 0.03, "epistemic_away": 0.004}
    far = dict.fromkeys(scores, 9.0)
    assert verdict(scores, far) == (
        "class probabilities off by 3.0%, another class predicted at 5.0% of the inputs, "
        "no epistemic uncertainty away from the data"
    )
