"""Tutorials run from top to bottom, with shortened loops, and end with their weak points."""

import runpy
from pathlib import Path

import matplotlib
import pyro
import pytest

TUTORIALS = sorted((Path(__file__).parents[2] / "tutorials").glob("*.py"))


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore:.torch.jit.trace. is deprecated")  # in Pyro
def test_a_tutorial_runs(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SMOKE", "1")
    matplotlib.use("Agg")
    with pyro.get_param_store().scope():
        runpy.run_path(str(path), run_name="__main__")


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_ends_with_what_would_make_it_wrong(path):
    assert "## What would make this result wrong" in path.read_text()
