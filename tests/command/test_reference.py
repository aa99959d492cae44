"""The commands about references: the evidence of a file, a comparison, a reference made anew."""

import json

import pytest

from zoo.__main__ import main


def test_the_evidence_is_shown(capsys):
    assert main(["reference", "linear", "--show"]) == 0
    said = capsys.readouterr().out
    assert "between" in said
    assert "the samplers agree" in said


def test_a_file_that_is_not_there_ends_in_a_sentence(capsys, tmp_path):
    assert main(["reference", "cubic", "--show", "--out", str(tmp_path)]) == 2
    assert "python -m zoo reference cubic --out" in capsys.readouterr().err


def test_an_unknown_reference_gets_the_nearest(capsys):
    with pytest.raises(SystemExit):
        main(["reference", "yacht"])
    assert "the nearest is 'yacht-50'" in capsys.readouterr().err


def test_guides_are_compared_with_a_reference_that_ships(capsys, tmp_path):
    wanted = [
        "compare",
        "--reference",
        "linear",
        "--guides",
        "Delta,MeanField,NodeMixture",
        "--steps",
        "30",
    ]
    assert main([*wanted, "--no-progress", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "MeanField: " in said
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *(f"linear-{name}.png" for name in ("Delta", "MeanField", "NodeMixture")),
        "results.json",
    ]
    rows = json.loads((tmp_path / "results.json").read_text())["table"]
    assert [row["guide"] for row in rows] == [
        "truth",
        "Delta",
        "MeanField",
        "NodeMixture",
    ]
    assert rows[1]["spread ratio"] == 0.0


@pytest.mark.full
def test_a_reference_is_made(capsys, tmp_path):
    assert main(["reference", "linear", "--seed", "1", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "linear.safetensors").is_file()
    assert "the samplers agree" in capsys.readouterr().out
