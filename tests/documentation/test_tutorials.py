"""Tutorials run from top to bottom, with shortened loops, and end with their weak points."""

import runpy
from pathlib import Path

import matplotlib
import pyro
import pytest

TUTORIALS = sorted((Path(__file__).parents[2] / "tutorials").glob("*.py"))


def wrong_landscape(names):
    """Give wrong answers to the exercises of the lesson, and what is said of them."""
    mean, covariance = names["mean"], names["covariance"]
    eigenvalues, share = names["eigenvalues"], names["between"]
    within = names["within"] / (names["within"] + share)
    left = names["matched"].barrier / names["straight"].barrier
    return [
        ("check_1", (..., ...), "no answer yet"),
        ("check_1", (mean, covariance.inverse()), "this is the precision"),
        ("check_1", (2 * mean, covariance), "the mean is not"),
        ("check_2", (left,), "left after the units are aligned"),
        ("check_2", (1.5,), "between 0 and 1"),
        ("check_3", ((eigenvalues / (eigenvalues + 20)).sum(),), "the mean loss"),
        ("check_3", (2.5,), "the number of weights"),
        ("check_4", (lambda size, number: size / 2,), "not per datum"),
        ("check_4", (lambda size, number: size / number,), "twice too much"),
        ("check_5", (within,), "within the runs"),
        ("check_5", (0.999,), "both parts together"),
    ]


WRONG_ANSWERS = {
    "13_the_landscape": wrong_landscape,
}


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore:.torch.jit.trace. is deprecated")  # in Pyro
def test_a_tutorial_runs(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SMOKE", "1")
    matplotlib.use("Agg")
    with pyro.get_param_store().scope():
        names = runpy.run_path(str(path), run_name="__main__")

    wrong_answers = WRONG_ANSWERS.get(path.stem, lambda _: [])
    for check, wrong, message in wrong_answers(names):
        capsys.readouterr()
        assert not names[check](*wrong)
        assert message in capsys.readouterr().out


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_ends_with_what_would_make_it_wrong(path):
    assert "## What would make this result wrong" in path.read_text()
