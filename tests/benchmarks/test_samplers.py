"""The benchmark of samplers: which rows there are, budgets, taking a measurement up, tables."""

import json
import math

import numpy as np
import pytest
import torch

from benchmarks.samplers import plan, rows, table
from benchmarks.samplers.ours import Ours
from benchmarks.samplers.posteriors import eight_schools, hierarchical_logistic
from benchmarks.samplers.run import PILOT, Budget, Cost, run


class Fake:
    """A sampler whose draws are independent and cost 3 gradients and 0.1 seconds each."""

    restarts = False

    def __init__(self, num_chains=4):
        self.num_chains = num_chains
        self.asked = []

    def warm_up(self, budget):
        return Cost(100, 1.0)

    def draw(self, number):
        self.asked.append(number)
        values = np.random.default_rng(number).normal(size=(self.num_chains, number, 2))
        draws = self.num_chains * number
        return values, Cost(3 * draws, 0.1 * draws, 0.5)


def test_every_row_is_asked_for_once_and_four_chains_decide_first():
    keys = list(plan.keys())
    assert len(set(keys)) == len(keys)
    assert {key.sampler for key in keys} == set(plan.samplers()) == set(plan.ORDER)
    first = keys[: keys.index(next(key for key in keys if key.chains != 4))]
    assert {key.seed for key in first} == set(range(5))
    assert {key.posterior for key in first} == set(rows.POSTERIORS)


@pytest.mark.parametrize(
    ("budget", "draws"),
    [(Budget(4 * 3 * 100), 100), (Budget(1e9, 4 * 0.1 * 60), 60), (Budget(1), PILOT)],
)
def test_sampling_ends_with_the_budget(budget, draws):
    facts = run(Fake(), budget).facts()
    assert facts["draws"] == draws
    assert facts["gradients"] == 4 * 3 * draws
    assert facts["seconds"] == pytest.approx(4 * 0.1 * draws)
    assert facts["least_per_1000"] == pytest.approx(facts["least"] / (0.012 * draws))


def test_one_chain_has_no_r_hat():
    assert run(Fake(1), Budget(900)).facts()["rhat"] is None


def test_a_measurement_is_taken_up_and_a_torn_line_is_measured_again(tmp_path):
    path = tmp_path / "samplers.jsonl"
    keys = list(plan.keys())[:3]
    rows.append(path, {**keys[0]._asdict(), "least": 1.0})
    with path.open("a") as file:
        file.write(json.dumps(keys[1]._asdict())[:20] + "\n")
    assert rows.missing(path, keys) == keys[1:]


def test_a_sampler_that_is_not_there_has_a_row_that_says_so(monkeypatch):
    def absent(*_):
        raise ModuleNotFoundError("no module", name="nutpie")

    monkeypatch.setattr(rows, "samplers", lambda: {"nutpie NUTS": absent})
    row = rows.measure(plan.Key("eight-schools", "nutpie NUTS", 4, 0), 0.01, None)
    assert row["failed"] == "not installed: nutpie"


def test_the_ratio_is_of_means_of_logarithms_with_their_errors():
    found = []
    for seed, (ours, other) in enumerate([(4.0, 1.0), (1.0, 1.0)]):
        for sampler, value in (("ours A", ours), ("other B", other)):
            key = plan.Key("p", sampler, 4, seed)
            found.append(key._asdict() | dict.fromkeys(table.NUMBERS, value))
    text = str(table.ratio_table(found))
    assert "2.00" in text
    assert f"{math.log(2):.2f} ± {math.log(2):.2f}" in text


@pytest.mark.full
def test_our_sampler_makes_the_draws_of_its_budget():
    torch.manual_seed(0)
    side = Ours("MAMS", eight_schools(), num_chains=2, seed=0)
    outcome = run(side, Budget(3000, warmup=20))
    assert outcome.values.shape[0] == 2
    assert outcome.values.shape[1] > PILOT
    assert outcome.sampling.gradients > outcome.values.shape[1]
    changed = np.abs(np.diff(outcome.values, axis=1)).max(-1) > 0
    assert changed.mean() > 0.5


def test_functions_are_of_all_draws():
    posterior = hierarchical_logistic()
    draws = {
        "mu": torch.zeros(2, 3, 5),
        "tau": torch.ones(2, 3, 5),
        "z": torch.ones(2, 3, 20, 5),
    }
    values = posterior.functions(draws)
    assert values.shape == (2, 3, 20)
    assert values[0, 0].tolist() == [0.0] * 10 + [1.0] * 10
