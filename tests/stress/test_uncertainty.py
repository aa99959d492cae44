"""Scores on corrupted, foreign, uncertain and hard images, against computations by hand."""

import math

import pyro.distributions as dist
import pytest
import torch
from torch import nn

import zoo
from zoo import likelihoods, metrics, priors, stress
from zoo.datasets import Dataset, Split, Units
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.stress.draws import sample_draws
from zoo.stress.evaluation import evaluate, evaluate_labelled


def exact(weight, bias=0.0):
    """Return a posterior of one draw, of two logits: p(y = 1 | x) = sigmoid(weight x + bias)."""
    model = zoo.BayesianNetwork(
        nn.Linear(1, 2),
        priors.WeightPrior(dist.Normal(0.0, 1.0)),
        likelihoods.Categorical(),
    )
    draws = {
        "weight": torch.tensor([[[[0.0], [weight]]]]),
        "bias": torch.tensor([[[0.0, bias]]]),
    }
    return DrawsPosterior(model, state={}, info=None, draws=draws)


def labelled(x, weight):
    return torch.bernoulli(torch.sigmoid(weight * x[:, 0])).long()


def test_an_evaluation_is_the_prediction_in_parts(classifier, digits, monkeypatch):
    draws = sample_draws(classifier, 7)
    monkeypatch.setattr("zoo.stress.evaluation._INPUTS_AT_ONCE", 100)
    found = evaluate_labelled(draws, *digits.test)
    prediction = DrawsPosterior(
        classifier.model,
        state=classifier.state,
        info=None,
        draws={n: v[None] for n, v in draws.values.items()},
    )
    prediction = prediction.predict(digits.test.x)
    torch.testing.assert_close(found.probs, prediction.probs)
    torch.testing.assert_close(found.entropy, prediction.entropy)
    torch.testing.assert_close(found.epistemic, prediction.epistemic)
    torch.testing.assert_close(found.aleatoric, prediction.aleatoric, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.log_prob, prediction.log_prob(digits.test.y))
    variances = found.epistemic_variance + found.aleatoric_variance
    torch.testing.assert_close(
        variances, 1 - found.probs.square().sum(-1), atol=1e-5, rtol=0
    )
    scores = found.scores
    assert scores["accuracy"] == pytest.approx(
        float((prediction.probs.argmax(-1) == digits.test.y).double().mean())
    )
    assert scores["nll"] == pytest.approx(
        float(-prediction.log_prob(digits.test.y).mean())
    )
    assert scores["entropy"] == pytest.approx(
        scores["epistemic"] + scores["aleatoric"], abs=1e-6
    )


def test_a_bernoulli_is_evaluated_as_its_two_classes():
    model = zoo.BayesianNetwork(
        nn.Linear(1, 1),
        priors.WeightPrior(dist.Normal(0.0, 1.0)),
        likelihoods.Bernoulli(),
    )
    draws = {"weight": torch.tensor([[[[2.0]], [[1.0]]]]), "bias": torch.zeros(1, 2, 1)}
    single = DrawsPosterior(model, state={}, info=None, draws=draws)
    twin = zoo.BayesianNetwork(
        nn.Linear(1, 2),
        priors.WeightPrior(dist.Normal(0.0, 1.0)),
        likelihoods.Categorical(),
    )
    draws = {
        "weight": torch.tensor([[[[0.0], [2.0]], [[0.0], [1.0]]]]),
        "bias": torch.zeros(1, 2, 2),
    }
    double = DrawsPosterior(twin, state={}, info=None, draws=draws)
    x, y = torch.randn(20, 1), torch.randint(2, (20,))
    one, two = (
        evaluate_labelled(sample_draws(single, 2), x, y[:, None]),
        evaluate_labelled(sample_draws(double, 2), x, y),
    )
    assert torch.equal(one.predicted, two.predicted)
    torch.testing.assert_close(one.confidence, two.confidence)
    assert one.scores == pytest.approx(two.scores, abs=1e-5)


def test_severity_begins_with_the_images_as_they_are(classifier, digits):
    found = stress.severity(
        classifier, digits, stress.rotation, (60, 30), num_samples=20, progress=False
    )
    assert found.severities == (0, 30, 60)
    assert found.corruption == "rotation"
    scores = found.scores
    assert scores["accuracy"][0] > 0.9 > scores["accuracy"][1] > scores["accuracy"][2]
    assert scores["entropy"][2] > 1.5 * scores["entropy"][0]
    assert torch.equal(found.shown[0], digits.test.x[:16])
    rows = found.table.to_dicts()
    assert [row["rotation"] for row in rows] == [0.0, 30.0, 60.0]
    assert rows[1]["epistemic variance"] == pytest.approx(
        scores["epistemic variance"][1]
    )
    assert len(found.plot().axes) == 2
    assert len(found.strip(3).axes) == 6
    assert len(found.reliability().axes) == 2
    both = stress.severity(
        classifier, digits, stress.rotation, (-60, 60), num_samples=2, progress=False
    )
    assert [ax.get_title() for ax in both.reliability().axes] == [
        "not corrupted",
        "rotation 60 degrees",
    ]
    with pytest.raises(
        ValueError,
        match=r"index must be from 0 to 15, not 16: the first 16 images are kept",
    ):
        found.strip(16)


def test_severity_meets_every_posterior_with_the_same_images(classifier, point, digits):
    first, second = (
        stress.severity(
            one, digits, stress.noise, (0.3,), num_samples=2, progress=False
        )
        for one in (classifier, point)
    )
    assert torch.equal(first.shown, second.shown)
    other = stress.severity(
        point, digits, stress.noise, (0.3,), num_samples=2, seed=1, progress=False
    )
    assert not torch.equal(other.shown[1], second.shown[1])


def test_standardised_images_are_corrupted_as_pixels(classifier, digits):
    units = Units(torch.tensor([[[0.3]]]), torch.tensor([[[0.4]]]))
    part = Split(units.standardise(digits.test.x), digits.test.y)
    seen = []

    def looked_at(x, _):
        seen.append(x)
        return x

    stress.severity(
        classifier,
        Dataset("digits", part, part, units),
        looked_at,
        (1,),
        num_samples=2,
        progress=False,
    )
    torch.testing.assert_close(torch.cat(seen), digits.test.x)


def test_the_area_is_the_share_of_pairs_that_are_told_apart(classifier, digits):
    inside, outside = digits.test.x[:60], torch.rand(50, 1, 8, 8)
    found = stress.out_of_distribution(
        classifier, inside, (outside, torch.zeros(50)), num_samples=20
    )
    for name, area in found.auroc.items():
        low, high = found.inside[name], found.outside[name]
        pairs = (high[:, None] > low).double() + 0.5 * (high[:, None] == low).double()
        assert area == pytest.approx(float(pairs.mean()), abs=1e-6)
        assert area > 0.8
    halves = stress.out_of_distribution(
        classifier, digits.test.x[::2], digits.test.x[1::2], num_samples=20
    )
    error = 4.5 * math.sqrt(
        361 / (12 * 180 * 180)
    )  # of a rank sum when there is no difference
    assert abs(halves.auroc["entropy"] - 0.5) < error
    assert abs(found.auroc["entropy"] - 0.5) > error
    assert [row["measure"] for row in found.table.to_dicts()] == list(found.auroc)
    assert len(found.plot().axes) == 3


def test_foreign_data_are_standardised_as_the_networks_own_were(classifier, digits):
    bright = Units(torch.tensor([[[0.9]]]), torch.tensor([[[0.1]]]))
    foreign = Dataset(
        "bright",
        digits.train,
        Split(bright.standardise(digits.test.x), digits.test.y),
        bright,
    )
    same = stress.out_of_distribution(classifier, digits, foreign, num_samples=20)
    assert abs(same.auroc["entropy"] - 0.5) < 0.05  # the same digits, in other units
    as_tensors = stress.out_of_distribution(
        classifier, digits.test.x, foreign.test.x, num_samples=20
    )
    assert (
        as_tensors.auroc["entropy"] > 0.6 or as_tensors.auroc["entropy"] < 0.4
    )  # which tensors do not know


def test_referral_keeps_the_least_uncertain(digits):
    x = torch.tensor(
        [[0.0], [3.0], [-0.5], [1.0], [-2.0]]
    )  # from most to least uncertain: 0, 2, 3, 4, 1
    y = torch.tensor([0, 1, 1, 1, 0])  # the second of these is a mistake
    found = stress.referral(exact(1.0), (x, y), fractions=(0.4, 0.2), num_samples=5)
    assert found.fractions == (0.0, 0.2, 0.4)
    assert found.kept == (5, 4, 3)
    assert found.scores["entropy"]["accuracy"] == pytest.approx([0.8, 0.75, 1.0])
    nll = torch.nn.functional.softplus(-(2.0 * y - 1) * x[:, 0])
    expected = [
        float(nll[rows].mean()) for rows in ([0, 1, 2, 3, 4], [1, 2, 3, 4], [1, 3, 4])
    ]
    assert found.scores["entropy"]["nll"] == pytest.approx(expected, abs=1e-5)
    assert len(found.table.rows) == 6


def test_referral_by_uncertainty_beats_referral_at_random(classifier, digits):
    found = stress.referral(classifier, digits, fractions=(0.3,), num_samples=20)
    draws = sample_draws(classifier, 20)
    right = (evaluate(draws, digits.test.x).predicted == digits.test.y).double()
    at_random = torch.stack(
        [right[torch.randperm(360)[: found.kept[1]]].mean() for _ in range(200)]
    )
    whole, kept = found.scores["entropy"]["accuracy"]
    assert abs(at_random.mean() - whole) < 0.01
    assert kept > at_random.max()
    assert found.plot().get_xlabel() == "referred to a human, %"
    assert found.plot("nll").get_ylabel() == "nll of what is kept, nats"


@pytest.mark.parametrize("fraction", [1.0, -0.1, 0.999, math.nan])
def test_a_fraction_that_leaves_nothing_gets_a_sentence(fraction, classifier, digits):
    with pytest.raises(
        ValueError,
        match=f"at least 0 and below 1, and keep at least one of the 360 .*, not {fraction}",
    ):
        stress.referral(classifier, digits, fractions=(fraction,))


def test_severity_of_a_harder_test_set_multiplies_the_odds_per_nat():
    x = torch.cat(
        [torch.zeros(4000, 1), torch.full((4000, 1), 30.0)]
    )  # a fair coin, and a certain outcome
    data = Dataset("coins", Split(x, labelled(x, 1.0)), Split(x, labelled(x, 1.0)))
    found = stress.harder(data, exact(1.0), size=400, severity=3.0, num_samples=1)
    share = float((found.test.x == 0).double().mean())
    expected = 2**3 / (1 + 2**3)  # e^(3 log 2) to 1, of as many
    error = 5 * math.sqrt(expected * (1 - expected) / 400)
    assert abs(share - expected) < error
    assert abs(0.5 - expected) > error  # drawn at random
    assert found.name == "coins, harder"
    easy = stress.harder(data, exact(1.0), size=400, severity=0.0, num_samples=1)
    assert abs(float((easy.test.x == 0).double().mean()) - 0.5) < 5 * math.sqrt(
        0.25 / 400
    )


def test_no_image_is_drawn_twice(classifier, digits):
    found = stress.harder(digits, classifier, size=360, num_samples=2)
    assert torch.equal(found.test.x, digits.test.x)
    fewer = stress.harder(
        digits, classifier, size=100, severity=10.0, num_samples=20
    ).test
    assert len({tuple(image.flatten().tolist()) for image in fewer.x}) == 100
    evaluation, chosen = (
        evaluate_labelled(sample_draws(classifier, 20), *part)
        for part in (digits.test, fewer)
    )
    assert chosen.entropy.mean() > 2 * evaluation.entropy.mean()


def test_on_a_set_drawn_by_entropy_the_true_model_stays_calibrated():
    torch.manual_seed(0)
    x = 2 * torch.randn(20_000, 1)
    data = Dataset("known", Split(x, labelled(x, 1.0)), Split(x, labelled(x, 1.0)))
    truth = exact(1.0)

    def cross_entropy(part):
        """Return the loss minus the predicted entropy, in standard errors."""
        found = evaluate_labelled(sample_draws(truth, 1), *part)
        gap = -found.log_prob - found.entropy
        return float(gap.mean() / (gap.std() / math.sqrt(len(gap))))

    assert (
        abs(cross_entropy(stress.harder(data, truth, 2_000, num_samples=1).test)) < 4.5
    )
    loss = -evaluate_labelled(sample_draws(truth, 1), *data.test).log_prob
    rows = torch.multinomial((3.0 * loss).exp(), 2_000)
    assert (
        cross_entropy(Split(data.test.x[rows], data.test.y[rows])) > 20
    )  # drawn by the loss, it is not


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"size": 361},
            "size must be from 1 to 360, the number of test images, not 361",
        ),
        ({"size": 0}, "from 1 to 360, .*, not 0"),
        (
            {"size": 10, "severity": -1.0},
            "severity must be a finite number, 0 or more, not -1.0",
        ),
        ({"size": 10, "num_samples": 0}, "num_samples must be a number of draws"),
    ],
)
def test_a_harder_set_that_cannot_be_gets_a_sentence(
    options, sentence, classifier, digits
):
    with pytest.raises(ValueError, match=sentence):
        stress.harder(digits, classifier, **options)


def test_calls_on_what_has_no_classes_get_a_sentence(regressor, digits):
    calls = [
        lambda: stress.severity(regressor, digits, stress.noise, (1,), progress=False),
        lambda: stress.corruptions(regressor, digits, progress=False),
        lambda: stress.out_of_distribution(regressor, digits, digits),
        lambda: stress.referral(regressor, digits),
        lambda: stress.harder(digits, regressor, 10),
    ]
    for call in calls:
        with pytest.raises(
            ValueError, match="stress needs a likelihood of classes, not Gaussian"
        ):
            call()


def test_the_split_of_variances_orders_inputs_as_the_one_in_nats(classifier, digits):
    prediction = classifier.predict(digits.test.x, 50)
    epistemic, aleatoric = metrics.variance_split(prediction.functions)
    ranks = [
        values.argsort().argsort().double()
        for values in (epistemic, prediction.epistemic)
    ]
    assert (
        torch.corrcoef(torch.stack(ranks))[0, 1] > 0.9
    )  # they order inputs much alike
    assert (aleatoric <= 0.9 + 1e-6).all()
