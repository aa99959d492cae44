"""Chains that agree, chains that do not, and distances of predictions to them."""

import pytest
import torch

from zoo.experiments.parts.node_agreement import (
    BOTH,
    CHAINS,
    DISTANCES,
    chains_of,
    state_agreement,
    state_distances,
)


class _Report:
    def __init__(self):
        self.found, self.tables = {}, {}

    def find(self, what, ours, **_options):
        self.found[what] = ours

    def tabulate(self, name, rows):
        self.tables[name] = rows


class _Run:
    def __init__(self):
        self.report = _Report()


def draws(shift, num_samples=60):
    """Return logits of two chains, of which one may be shifted."""
    outputs = torch.randn(2, num_samples, 8, 3)
    outputs[1, ..., 0] += shift
    return {"outputs": outputs, "nodes": outputs[..., 0], "acceptance": 0.8}


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def test_the_last_draws_of_all_chains_are_compared():
    long, short = draws(0.0, 60), draws(0.0, 40)
    values = chains_of({"HMC": long, "MAMS": short}, "outputs")
    assert values.shape == (4, 40, 8, 3)
    assert torch.equal(values[:2], long["outputs"][:, -40:])


def test_a_chain_apart_is_found():
    together, apart = _Run(), _Run()
    state_agreement(together, {"HMC": draws(0.0), "MAMS": draws(0.0)})
    state_agreement(apart, {"HMC": draws(0.0), "MAMS": draws(4.0)})
    assert together.report.found[f"R-hat, worst, {BOTH}"] < 1.1
    assert apart.report.found[f"R-hat, median, {BOTH}"] > 1.1
    assert [row["run"] for row in together.report.tables[CHAINS]] == [
        "HMC",
        "MAMS",
        BOTH,
    ]


def test_the_distance_of_an_exact_prediction_is_that_of_a_chain():
    run = _Run()
    found = {"HMC": draws(0.0), "MAMS": draws(0.0)}
    exact = torch.randn(60, 8, 3)
    wrong = exact + torch.tensor([3.0, 0.0, 0.0])
    state_distances(run, found, {"exact": exact, "wrong": wrong})
    rows = {row["prediction"]: row for row in run.report.tables[DISTANCES]}
    lowest = rows["one chain"]["total_variation"]
    error = run.report.found["total variation to the chains, exact"].error
    assert abs(rows["exact"]["total_variation"] - lowest) < 4 * error
    assert rows["wrong"]["total_variation"] > lowest + 10 * error
