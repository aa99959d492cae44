"""Training within a budget: the best learning rate, the time limit, and fits that are kept."""

import math
from functools import partial

import pyro.distributions as dist
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import guides
import zoo
from zoo import datasets, inference, likelihoods, metrics, networks, priors
from zoo.datasets import Split
from zoo.experiments.parts.element_masks import predict_by_elements
from zoo.experiments.parts.weight_averaging import average_weights
from zoo.experiments.running import scores
from zoo.experiments.running.bounds import bound_of, bound_values
from zoo.experiments.running.contestant import no_guide
from zoo.experiments.running.fit_folder import FitFolder
from zoo.experiments.running.method import Method
from zoo.experiments.running.record import info_values
from zoo.experiments.running.result import Result
from zoo.experiments.running.scoreboard import Scoreboard
from zoo.experiments.running.scores import Cases, Number
from zoo.experiments.running.training import Training
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
    method = Method(8, rates=(1e-6, 1e-3, 1e-2, 1.0), batch_size=64)
    training = Training(method, math.inf, progress=False)
    _, facts = training.fit(build, train, validation, tmp_path / "a.safetensors")
    trials = facts["plan"]["trials"]
    assert facts["plan"]["rate"] == 0.01
    assert trials["0.01"] < trials["1e-06"]
    assert len(trials) == 4
    assert facts["plan"]["epochs"] == 8
    assert facts["num_steps"] == 8 * -(-len(train.x) // 64)
    assert facts["seconds of processor"] > 0
    bound = bound_of(facts)
    assert 0 < bound.value < math.log(10)  # of a guess
    assert 0 < bound.error < 0.1


def test_a_rate_at_the_end_of_the_grid_is_not_taken(data, tmp_path):
    train, validation = map(flat, data)
    method = Method(4, rates=(1e-4, 1e-3), batch_size=64)
    training = Training(method, math.inf, progress=False)
    _, facts = training.fit(build, train, validation, tmp_path / "a.safetensors")
    tried = sorted(float(rate) for rate in facts["plan"]["trials"])
    assert tried[:3] == [1e-4, 1e-3, 1e-2]
    assert tried[0] < facts["plan"]["rate"] < tried[-1]


def test_a_fit_keeps_to_its_time_and_is_read_when_it_is_there(data, tmp_path):
    train, validation = map(flat, data)
    method = Method(1e6, rates=(1e-2,), batch_size=64)
    training = Training(method, 6.0, progress=False)
    posterior, facts = training.fit(
        build, train, validation, tmp_path / "a.safetensors"
    )
    assert 1 < facts["plan"]["epochs"] < 1e5  # as many as six seconds are good for
    assert not (tmp_path / "a.run").exists()
    again, known = training.fit(build, train, validation, tmp_path / "a.safetensors")
    assert known == facts
    for name, value in posterior.scoped.tensors().items():
        assert torch.equal(value, again.scoped.tensors()[name])


def test_the_files_of_another_fit_are_refused_by_name(data, tmp_path):
    train, validation = map(flat, data)
    path = tmp_path / "a.safetensors"

    def other():
        network = networks.MLP(64, 10, hidden=[16])
        prior = priors.WeightPrior(dist.Normal(0.0, 0.4))
        model = zoo.BayesianNetwork(network, prior, likelihoods.Categorical())
        return model, guides.LocalReparam(model, init_scale=0.02)

    method = Method(1, rates=(1e-2,), batch_size=64)
    training = Training(method, math.inf, progress=False)
    _, record = training.fit(build, train, validation, path)
    assert "description" not in record
    with pytest.raises(
        ValueError,
        match=r"a.json is of another fit: they differ in prior of layer1.weight \(then Normal\(0, "
        r"0.3\), now Normal\(0, 0.4\)\).*write another --out, or delete that folder",
    ):
        training.fit(other, train, validation, path)
    changed = Split(train.x + 1, train.y)
    with pytest.raises(ValueError, match="differ in inputs"):
        training.fit(build, changed, validation, path)
    method = Method(1, rates=(1e-2,), batch_size=32)
    fewer = Training(method, math.inf, progress=False)
    with pytest.raises(ValueError, match=r"batch size \(then 64, now 32\)"):
        fewer.fit(build, train, validation, path)


def test_a_budget_too_short_for_one_epoch_gets_a_sentence(data, tmp_path):
    train, validation = map(flat, data)
    with pytest.raises(
        ValueError,
        match=r"the fit 'a' has 0.001 s of the budget, .* one epoch .*; write a budget \d+ times",
    ):
        Training(Method(1, batch_size=16), 1e-3, progress=False).fit(
            build, train, validation, tmp_path / "a.safetensors"
        )


def test_only_mc_dropout_has_averaged_weights(data):
    train, _ = map(flat, data)
    model, guide = build()
    posterior = zoo.inference.SVI(model, guide, num_steps=1, progress=False).fit(train)
    with pytest.raises(
        TypeError, match=r"need a fit with guides\.MCDropout, not LocalReparam"
    ):
        average_weights(posterior)


def test_a_point_estimate_has_no_bound(data):
    train, _ = map(flat, data)
    model, _ = build()
    engine = zoo.inference.SVI(model, guides.Delta(model), num_steps=1, progress=False)
    values = bound_values(engine.fit(train), train)
    assert bound_of(values) is None
    assert "Delta" in values["no bound because"]


def test_augmented_data_have_no_bound_even_from_the_fit(data):
    train, _ = map(flat, data)
    loader = DataLoader(TensorDataset(train.x[:64], train.y[:64]), batch_size=64)
    model, _ = build()
    guide = guides.MeanField(model)
    posterior = zoo.inference.SVI(model, guide, num_steps=100, progress=False).fit(
        loader
    )
    assert posterior.info.bound_nats is not None  # of the augmented batches
    record = info_values(posterior.info) | bound_values(posterior, loader)
    assert record["bound_nats"] is None
    assert record["bound_error"] is None
    assert bound_of(record) is None
    assert "augmented" in record["no bound because"]


def test_masks_of_elements_vary_from_input_to_input():
    torch.manual_seed(0)
    prior = priors.WeightPrior(dist.Normal(0.0, 0.3))
    likelihood = likelihoods.Categorical()
    model = zoo.BayesianNetwork(networks.LeNet(width=50), prior, likelihood)
    guide = guides.MCDropout(
        model, p=0.5, layers="classifier.5.weight", masks="element"
    )
    x = torch.rand(1, 1, 28, 28).expand(64, 1, 28, 28)
    part = Split(x, torch.arange(64) % 10)
    engine = zoo.inference.SVI(model, guide, num_steps=1, progress=False)
    posterior = engine.fit(part)

    outputs = predict_by_elements(posterior, x, num_samples=200).functions
    one_network = average_weights(posterior).predict(x[:1], num_samples=1)
    assert outputs.shape == (200, 64, 10)
    assert outputs[0].std(0).min() > 0  # equal inputs with masks of their own

    error = outputs.flatten(0, 1).std(0) / math.sqrt(200 * 64)
    difference = outputs.mean((0, 1)) - one_network.functions[0, 0]
    assert (difference.abs() < 5 * error + 0.01).all()  # 0.01 for half precision

    # the wrong answer: one mask for all inputs of a draw
    functions = posterior.predict(x, num_samples=2).functions
    assert functions[0].std(0).max() < 1e-5


def test_the_error_of_seeds_is_that_of_their_mean(tmp_path):
    board = Scoreboard(Result("mine"), FitFolder(tmp_path, {}), seed=0, progress=False)
    torch.manual_seed(0)
    y = torch.randint(10, (500,))
    for name in ("one", "two"):
        logits = torch.randn(1, 500, 10)
        logits = logits + nn.functional.one_hot(y, 10)
        prediction = Prediction(likelihoods.Categorical(), logits)
        board.add(name, lambda prediction=prediction: prediction, y)

    both = board.over_seeds(["one", "two"], "error %")
    values = [board[name]["error %"].value for name in ("one", "two")]
    assert both.value == pytest.approx(sum(values) / 2)
    alone = board.over_seeds(["one"], "error %")
    assert both.error < 0.9 * alone.error


def test_a_difference_is_paired():
    torch.manual_seed(0)
    difficulty = 3 * torch.randn(4_000)  # makes both wrong at the same cases

    def cases(shift):
        wrong = difficulty + 0.1 * torch.randn(4_000) + shift > 4
        return Cases(100.0 * wrong, torch.rand(4_000), torch.rand(4_000))

    one = cases(0.3)
    other = cases(0.0)
    differences = one.error - other.error
    paired = one.minus(other)["error %"]
    assert paired.value == pytest.approx(float(differences.mean()), abs=1e-6)

    # the wrong answer: errors added up as if they were of different cases
    errors = [side.numbers()["error %"].error for side in (one, other)]
    assert paired.error < 0.5 * math.hypot(*errors)

    means = []
    for _ in range(500):
        rows = torch.randint(4_000, (4_000,))
        means.append(differences[rows].mean())
    spread = float(torch.stack(means).std())
    assert paired.error == pytest.approx(spread, rel=0.15)


def test_versions_of_a_case_are_not_cases_of_their_own():
    torch.manual_seed(0)
    logits = 2 * torch.randn(400, 10)
    y = torch.distributions.Categorical(logits=logits).sample()
    once = sharpened(1.5, logits, y)
    prediction = Prediction(likelihoods.Categorical(), 1.5 * logits.repeat(5, 1)[None])
    copies = Cases.of(prediction, y.repeat(5), num_versions=5)
    for name, number in once.numbers().items():
        again = copies.numbers()[name]
        assert again.value == pytest.approx(number.value, abs=1e-6)
        assert again.error == pytest.approx(number.error, rel=1e-4)

    # the wrong answer: five times as many independent cases
    as_cases = Cases.of(prediction, y.repeat(5)).numbers()
    assert as_cases["nll"].error < 0.5 * once.numbers()["nll"].error


def sharpened(factor: float, logits: Tensor, y: Tensor) -> Cases:
    """Score the prediction of logits (N, O) that are multiplied by a factor."""
    prediction = Prediction(likelihoods.Categorical(), factor * logits[None])
    return Cases.of(prediction, y)


def fresh_pair() -> tuple[Cases, Cases]:
    """Score two predictions that are too confident, at the same new cases."""
    logits = 2 * torch.randn(10_000, 10)
    y = torch.distributions.Categorical(logits=logits).sample()
    return sharpened(1.5, logits, y), sharpened(1.3, logits, y)


def test_a_calibration_error_has_the_spread_of_fresh_cases(monkeypatch):
    torch.manual_seed(0)
    logits = 2 * torch.randn(500, 10)
    y = torch.arange(500) % 10
    ours = sharpened(1.5, logits, y).numbers()["ece"]
    known = metrics.calibration_error((1.5 * logits).softmax(-1), y)
    assert ours.value == pytest.approx(float(known), abs=1e-6)

    differences = []
    with monkeypatch.context() as quick:
        quick.setattr(scores, "RESAMPLED", 2)
        for _ in range(50):
            one, other = fresh_pair()
            differences.append(one.minus(other)["ece"].value)
    spread = float(torch.tensor(differences).std())

    one, other = fresh_pair()
    paired = one.minus(other)["ece"].error
    assert paired == pytest.approx(spread, rel=0.3)

    # the wrong answer: errors of different cases
    assert paired < 0.5 * one.numbers()["ece"].error


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


def build_without_guide():
    model, _ = build()
    return model, no_guide(model)


def test_a_sampler_runs_for_whole_epochs_and_its_draws_are_read_again(data, tmp_path):
    train, validation = map(flat, data)
    engine = partial(inference.SGHMC, cycles=2, num_chains=2)
    method = Method(6, engine, rates=(1e-2,), batch_size=256, min_epochs=4)
    training = Training(method, math.inf, progress=False)
    path = tmp_path / "a.safetensors"
    posterior, facts = training.fit(build_without_guide, train, validation, path)
    assert facts["plan"]["epochs"] == 6
    assert facts["plan"]["steps"] == 6 * 6  # 1,437 data
    assert facts["mean n_steps"] == 6
    assert posterior.info.lp.shape == (2, 2)  # epochs 2 and 5 of 6

    again, known = training.fit(build_without_guide, train, validation, path)
    assert known == facts
    assert_same(posterior.draws, again.draws)
    assert again.info.temperatures() == posterior.info.temperatures()


def test_a_sampler_keeps_to_its_time_and_to_rates_that_do_not_diverge(data, tmp_path):
    train, validation = map(flat, data)
    method = Method(1e6, inference.SGLD, rates=(1e-2, 1e25), batch_size=256)
    training = Training(method, 4.0, progress=False)
    _, facts = training.fit(
        build_without_guide, train, validation, tmp_path / "a.safetensors"
    )
    assert facts["plan"]["trials"]["1e+25"] == math.inf
    assert facts["plan"]["rate"] < 1
    assert facts["plan"]["steps"] % 6 == 0
    assert 5 < facts["plan"]["epochs"] < 1e5
    assert facts["seconds of processor"] < 10


@pytest.mark.parametrize("as_loader", [False, True])
def test_an_average_starts_at_an_earlier_posterior(data, tmp_path, as_loader):
    train, validation = map(flat, data)

    def start():
        model, _ = build()
        return model, guides.Delta(model)

    def finish():
        model, _ = build()
        return model, guides.LowRank(model, rank=2, per="all")

    method = Method(4, rates=(1e-2,), batch_size=256)
    training = Training(method, math.inf, progress=False)
    point, _ = training.fit(start, train, validation, tmp_path / "a.safetensors")

    method = Method(
        4, partial(inference.SWAG, rank=2), (1e-6,), batch_size=256, min_epochs=4
    )
    training = Training(method, math.inf, progress=False)
    path = tmp_path / "b.safetensors"
    seen = train
    if as_loader:
        seen = DataLoader(TensorDataset(*train), batch_size=256, shuffle=True)

    average, _ = training.fit(finish, seen, validation, path, point)
    means = point.means()
    for name, value in average.means().items():
        assert torch.allclose(value, means[name], atol=1e-3)

    again, _ = training.fit(finish, seen, validation, path, point)
    assert_same(average.scoped.tensors(), again.scoped.tensors())
    with pytest.raises(ValueError, match=r"differ in init"):
        training.fit(finish, seen, validation, path)


def assert_same(some, others):
    assert some.keys() == others.keys()
    for name, value in some.items():
        assert torch.equal(value, others[name])


@pytest.mark.parametrize(
    ("engine", "takes"),
    [
        (inference.SVI, {"guide", "num_steps"}),
        (partial(inference.SVI, precision="bf16"), {"guide", "num_steps"}),
        (inference.IVON, {"num_steps"}),
        (inference.SGHMC, {"init"}),
        (partial(inference.SGNHT, cycles=2), {"init"}),
        (inference.SWAG, set()),
    ],
)
def test_an_engine_gets_what_it_takes(engine, takes):
    method = Method(1, engine)
    assert {name for name in ("guide", "num_steps", "init") if method.takes(name)} == (
        takes
    )
    assert method.counts_epochs == ("num_steps" not in takes)
