"""The posteriors of the package: each loads, and has the scores of its card."""

import json
import re
from functools import cache
from pathlib import Path

import pytest

import zoo.hub.entry
from zoo import datasets, hub, references
from zoo.hub.index import check_files, read_index
from zoo.hub.making import made_names
from zoo.hub.reference_entry import REFERENCES
from zoo.hub.scores import score

PACKAGED = zoo.hub.entry.PACKAGED
SHARED = Path(__file__).parents[3] / "shared" / "data"
MOST_BYTES = 6e6
MOST_SCORED = 1000  # images of MNIST; more take seconds
DATA = {
    "digits-mlp-mean-field": lambda: datasets.digits(flatten=True),
    "digits-cnn-nodes": datasets.digits,
    "concrete-low-rank": lambda: datasets.uci("concrete"),
}
PARTS = ["prior", "data", "licence", "command", "scores", "What it gets wrong", "seed"]


@cache
def mnist():
    return datasets.mnist(SHARED / "mnist", num_train=1000, num_test=MOST_SCORED)


def data_of(name):
    if name in REFERENCES:
        return references.load(REFERENCES[name]).data
    try:
        if name.startswith("lenet5-mnist"):
            return mnist()
        return DATA[name]()
    except FileNotFoundError as error:
        pytest.skip(f"{name}: {error}")


def test_all_are_there_and_small():
    assert set(hub.list()) <= set(made_names())
    assert len(hub.list()) >= 4
    facts = read_index(PACKAGED)
    check_files(PACKAGED, facts)
    assert sum(fact.size for fact in facts.values()) < MOST_BYTES

    files = [file for file in PACKAGED.rglob("*") if file.is_file()]
    listed = {PACKAGED / name for name in facts} | {PACKAGED / "index.json"}
    assert set(files) == listed


@pytest.mark.parametrize("name", hub.list())
def test_a_card_says_what_matters(name):
    card = hub.card(name)
    missing = [part for part in PARTS if part not in card and name not in REFERENCES]
    assert not missing
    assert "licence" in card
    assert "not stated" not in card
    assert re.search(r"!\[.*\]\(calibration.png\)", card)
    head = card.split("---")[1]
    assert json.loads(re.search(r"model-index: (.*)", head)[1])[0]["name"] == name


@pytest.mark.parametrize("name", hub.list())
def test_it_loads_and_has_the_scores_of_its_card(name):
    posterior = hub.load(name)
    data = data_of(name)
    recipe = json.loads((PACKAGED / name / "build.json").read_text())
    # of MNIST a thousand images, within their own standard errors
    is_whole = not name.startswith("lenet5-mnist")

    num_samples = recipe["num_samples"]
    again = score(posterior, data, num_samples).scores
    for key, stored in recipe["scores"].items():
        tolerance = 0.02 * stored["error"] if is_whole else 4 * again[key].error
        assert abs(again[key].value - stored["value"]) <= tolerance, key


def test_another_posterior_has_other_scores():
    data = datasets.digits(flatten=True)
    posterior = hub.load("digits-mlp-mean-field")
    stored = json.loads((PACKAGED / "digits-mlp-mean-field" / "build.json").read_text())
    other = score(posterior, data, stored["num_samples"], seed=1).scores["nll"]
    assert other.value != pytest.approx(stored["scores"]["nll"]["value"], rel=1e-4)
