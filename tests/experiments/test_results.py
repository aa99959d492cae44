"""The committed results: readable, with their figures, and in the page of experiments."""

from functools import partial
from pathlib import Path

import pytest

from benchmarks import experiments
from zoo.command.choices import EXPERIMENTS
from zoo.experiments import Result

ROOT = Path(__file__).parents[2]
FOLDERS = (experiments.RESULTS, experiments.EARLIER)
RESULTS = [
    (folder, result)
    for folder in FOLDERS
    for result in experiments.results(folder).values()
]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_is_in_the_page(name):
    assert f"`{name}`" in (ROOT / "docs" / "experiments.md").read_text()


@pytest.mark.parametrize(
    ("folder", "result"),
    RESULTS,
    ids=[f"{folder.name}-{result.name}" for folder, result in RESULTS],
)
def test_a_result_says_how_it_came_about(folder, result):
    assert {"minutes", "seed", "device", "threads"} <= result.settings.keys()
    assert all(facts["plan"]["steps"] > 0 for facts in result.fits.values())
    assert any(finding.headline for finding in result.findings)
    assert (folder / f"{result.name}.png").is_file()


def test_a_result_that_was_made_again_stands_beside_the_earlier_one():
    again = experiments.results(experiments.EARLIER)["bbb-mnist"]
    first, *rows = experiments.rows(again, again)
    assert first.startswith("| `bbb-mnist`")
    assert "| 4.16 ± 0.20 | - | 4.16 ± 0.20 | 1.82 |" in "\n".join(rows)
    alone = experiments.rows(None, again)
    assert "| - | - | 4.16 ± 0.20 | 1.82 |" in "\n".join(alone)


def test_the_bound_stands_beside_the_error_of_the_same_fit():
    fits = {
        "Gaussian": {
            "bound, nats per datum": 0.325,
            "error of the bound": 0.002,
            "kind of fit": "optimum",
        },
        "SGD": {"bound, nats per datum": None, "no bound because": "a point"},
        "old": {},
    }
    result = Result("bbb-mnist", {}, fits=fits)
    beside = partial(experiments.bound_beside, result)
    assert beside("error of Gaussian, %") == "0.3250 ± 0.0020, optimum"
    assert beside("error of SGD, %") == "no bound"
    assert beside("error of old, %") == "-"
    assert beside("error of scale mixture minus Gaussian, %") == "-"
    assert beside("entropy of Gaussian, nats") == "-"


def test_the_page_has_the_results_as_they_came_out():
    text = (ROOT / "docs" / "experiments.md").read_text()
    assert experiments.markdown() in text, (
        "write the table that `python -m benchmarks.experiments` prints into docs/experiments.md"
    )
