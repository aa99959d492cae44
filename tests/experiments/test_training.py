"""Training within a budget: the rate that does best is taken, time is kept, and what is done is not done again."""

import math

import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

import guides
import zoo
from zoo import datasets, likelihoods, metrics, networks, priors
from zoo.datasets import Split
from zoo.experiments import scores
from zoo.experiments.scores import Cases, Number
from zoo.experiments.training import Training
from zoo.predictive.prediction import Prediction


@pytest.fixture(scope="module")
def data():
    digits = datasets.digits()
    return digits.train, Split(digits.test.x[:100], digits.test.y[:100])


def build():
    network = networks.MLP(64, 10, hidden=[16])
    model = zoo.BayesianNetwork(
        network, priors.WeightPrior(dist.Normal(0.0, 0.3)), likelihoods.Categorical()
    )
    return model, guides.LocalReparam(model, init_scale=0.02)


def flat(split):
    return Split(split.x.flatten(1), split.y)


def test_the_rate_with_the_best_held_out_likelihood_is_taken(data, tmp_path):
    train, validation = map(flat, data)
    training = Training(
        math.inf, 8, batch_size=64, learning_rates=(1e-6, 1e-2), progress=False
    )
    _, facts = training.fit(build, train, validation, tmp_path / "a.safetensors")
    trials = facts["plan"]["trials"]
    assert facts["plan"]["rate"] == 0.01
    assert trials["0.01"] < trials["1e-06"]
    assert facts["plan"]["epochs"] == 8
    assert facts["num_steps"] == 8 * -(-len(train.x) // 64)


def test_a_fit_keeps_to_its_time_and_is_read_when_it_is_there(data, tmp_path):
    train, validation = map(flat, data)
    training = Training(6.0, 1e6, batch_size=64, learning_rates=(1e-2,), progress=False)
    posterior, facts = training.fit(
        build, train, validation, tmp_path / "a.safetensors"
    )
    assert 1 < facts["plan"]["epochs"] < 1e5  # as many as six seconds are good for
    assert not (tmp_path / "a.run").exists()
    again, known = training.fit(build, train, validation, tmp_path / "a.safetensors")
    assert known == facts
    for name, value in posterior.scoped.tensors().items():
        assert torch.equal(value, again.scoped.tensors()[name])


def test_a_budget_too_short_for_one_epoch_gets_a_sentence(data, tmp_path):
    train, validation = map(flat, data)
    with pytest.raises(
        ValueError,
        match=r"the fit 'a' has 0.001 s of the budget, .* one epoch take .*; give \d+ times",
    ):
        Training(1e-3, 1, batch_size=16, progress=False).fit(
            build, train, validation, tmp_path / "a.safetensors"
        )


def test_a_difference_is_paired():
    torch.manual_seed(0)
    hard = 3 * torch.randn(4_000)  # what makes both wrong at the same cases
    one, other = (
        Cases(
            100.0 * (hard + 0.1 * torch.randn(4_000) + d > 4),
            torch.rand(4_000),
            torch.rand(4_000),
        )
        for d in (0.3, 0.0)
    )
    paired = one.minus(other)["error %"]
    apart = math.hypot(one.numbers()["error %"].error, other.numbers()["error %"].error)
    assert paired.value == pytest.approx(
        float(one.error.mean() - other.error.mean()), abs=1e-6
    )
    assert (
        paired.error < 0.5 * apart
    )  # the wrong answer: errors added up as if they were of different cases
    twice = torch.stack(
        [
            (one.error - other.error)[torch.randint(4_000, (4_000,))].mean()
            for _ in range(500)
        ]
    )
    assert paired.error == pytest.approx(float(twice.std()), rel=0.15)


def test_a_calibration_error_has_the_spread_of_fresh_cases(monkeypatch):
    def drawn(sharper: float, logits: Tensor, y: Tensor) -> Cases:
        return Cases.of(
            Prediction(likelihoods.Categorical(), sharper * logits[None]), y
        )

    def fresh() -> tuple[Cases, Cases]:
        logits = 2 * torch.randn(10_000, 10)
        y = torch.distributions.Categorical(logits=logits).sample()
        return drawn(1.5, logits, y), drawn(1.3, logits, y)

    torch.manual_seed(0)
    logits, y = 2 * torch.randn(500, 10), torch.arange(500) % 10
    ours, known = (
        drawn(1.5, logits, y),
        metrics.calibration_error((1.5 * logits).softmax(-1), y),
    )
    assert ours.numbers()["ece"].value == pytest.approx(float(known), abs=1e-6)
    with monkeypatch.context() as quick:
        quick.setattr(scores, "RESAMPLED", 2)
        differences = torch.tensor(
            [
                one.minus(other)["ece"].value
                for one, other in (fresh() for _ in range(50))
            ]
        )
    one, other = fresh()
    paired = one.minus(other)["ece"].error
    assert paired == pytest.approx(float(differences.std()), rel=0.3)
    assert (
        paired < 0.5 * one.numbers()["ece"].error
    )  # the wrong answer: errors of different cases


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (Number(1.2345, 0.0123), "1.234 ± 0.012"),
        (Number(12.3, 4.0), "12.3 ± 4.0"),
        (Number(0.5), "0.5"),
    ],
)
def test_a_number_shows_two_digits_of_its_error(number, text):
    assert str(number) == text
