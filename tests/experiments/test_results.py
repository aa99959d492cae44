"""The committed results: readable, with their figures, and in the README."""

from pathlib import Path

import pytest

from benchmarks import experiments
from zoo.command.choices import EXPERIMENTS

ROOT = Path(__file__).parents[2]
RESULTS = experiments.results()


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_is_in_the_page(name):
    assert f"`{name}`" in (ROOT / "docs" / "experiments.md").read_text()


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: result.name)
def test_a_result_says_how_it_came_about(result):
    assert {"minutes", "seed", "device", "threads"} <= result.settings.keys()
    assert all(facts["plan"]["steps"] > 0 for facts in result.fits.values())
    assert any(finding.headline for finding in result.findings)
    assert (experiments.RESULTS / f"{result.name}.png").is_file()


def test_the_readme_has_the_results_as_they_came_out():
    text = (ROOT / "docs" / "experiments.md").read_text()
    assert experiments.markdown() in text, (
        "write the table that `python -m benchmarks.experiments` prints into docs/experiments.md"
    )
