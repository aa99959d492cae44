"""`zoo sweep`: plans in two formats, names, one cell, the table."""

import json

import pytest

from zoo.__main__ import main
from zoo.command.plan_file import engine_of, guide_of, prior_of, read_plan

PLAN = """
data = "yacht"
hidden = 3
noise = 0.2
num_samples = 5

[sweep]
guide = ["Delta", {MCDropout = {p = 0.1}}]
lr = [0.01]

[options]
num_steps = 2
compile = "plain"
"""


@pytest.fixture
def plan(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text(PLAN)
    return path


def test_a_plan_becomes_a_table(plan, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["sweep", str(plan), "--cell", "1", "--no-progress"]) == 0
    printed = capsys.readouterr().out
    assert "MCDropout(p=0.1)" in printed
    assert "Delta" not in printed

    assert main(["sweep", str(plan), "--no-progress"]) == 0
    table = json.loads((tmp_path / "plan" / "table.json").read_text())["table"]
    assert [row["guide"] for row in table] == ["Delta", "MCDropout(p=0.1)"]
    assert all(row["rmse"] > 0 for row in table)


def test_yaml_says_the_same_as_toml(plan, tmp_path):
    yaml = pytest.importorskip("yaml")
    other = tmp_path / "plan.yaml"
    of_toml = read_plan(plan)
    other.write_text(yaml.safe_dump({"sweep": of_toml.sweep, "hidden": 3}))
    assert read_plan(other).sweep == of_toml.sweep


def test_yaml_without_its_library_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "yaml", None)
    path = tmp_path / "plan.yaml"
    path.write_text("sweep: {guide: [Delta]}")
    assert main(["sweep", str(path)]) == 2
    assert "pip install pyyaml, or write the plan as TOML" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("data = 'yacht'", "has no axes"),
        ("seed = 2\n[sweep]\nguide = ['Delta']", "the nearest is 'seeds'"),
        ("[sweep]\nguide = ['Deltas']", "the nearest is 'Delta'"),
        ("[sweep]\nguide = 'Delta'", "must be a list"),
        ("[sweep", "is no TOML"),
    ],
)
def test_a_mistake_in_a_plan_is_named(tmp_path, capsys, text, sentence):
    path = tmp_path / "plan.toml"
    path.write_text(text)
    assert main(["sweep", str(path), "--out", str(tmp_path / "out")]) == 2
    assert sentence in capsys.readouterr().err


def test_names_become_objects():
    assert guide_of({"NodeMixture": {"num_components": 4}})[0] == (
        "NodeMixture(num_components=4)"
    )
    assert engine_of("nuts")[0] == "NUTS"
    label, prior = prior_of({"Normal": [0, 0.1]})
    assert label == repr(prior) == "WeightPrior(Normal(0, 0.1))"
    assert prior_of("normal")[0] == "normal"
    with pytest.raises(ValueError, match="the nearest is 'Normal'"):
        prior_of({"Normals": [0.1]})
