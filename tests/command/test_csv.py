"""`zoo fit` on a CSV file: a posterior for the user's own table."""

import json
from pathlib import Path

import pytest

from zoo.__main__ import main
from zoo.command.csv_table import load_csv

HEADER = "a,b,price,kind"
ROWS = [f"{n},{n * n},{2 * n},{'big' if n > 6 else 'small'}" for n in range(12)]
QUICK = ["--hidden", "3", "--steps", "3", "--num-samples", "4", "--no-progress"]


def written(path, text):
    path.write_text(text)
    return str(path)


@pytest.fixture
def numbers(tmp_path):
    lines = [",".join(line.split(",")[:3]) for line in [HEADER, *ROWS]]
    return written(tmp_path / "numbers.csv", "\n".join(lines))


@pytest.fixture
def table(tmp_path):
    lines = [HEADER, *ROWS]
    return written(tmp_path / "table.csv", "\n".join(lines))


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_file_is_read_by_its_columns(table, separator):
    text = Path(table).read_text().replace(",", separator)
    path = Path(table).with_suffix(".txt")
    path.write_text("\ufeff" + text)
    data = load_csv(str(path), "kind", None)
    assert data.classes == ("big", "small")
    assert (data.x_names, data.y_names, data.name) == (
        ("a", "b", "price"),
        ("kind",),
        "table",
    )
    x = data.x_units.restore(data.test.x)
    assert (x[:, 0] > 6.5).tolist() == (data.test.y == 0).tolist()


@pytest.mark.parametrize(
    ("target", "options", "score"),
    [
        ("price", [], "rmse"),
        ("price", ["--task", "classification"], "accuracy"),
    ],
)
def test_a_fit_of_a_file(numbers, tmp_path, target, options, score):
    out = tmp_path / "out"
    arguments = ["fit", "--data", numbers, "--target", target, *options, *QUICK]
    assert main([*arguments, "--out", str(out)]) == 0
    results = json.loads((out / "results.json").read_text())
    assert score in results["scores"]
    assert results["settings"]["target"] == target


FAULTS = {
    "no target": (
        f"{HEADER}\n{ROWS[0]}",
        None,
        None,
        "say which column of .* 'a', 'b'",
    ),
    "another column": (
        f"{HEADER}\n{ROWS[0]}",
        "prise",
        None,
        "no column 'prise'; the nearest is 'price'",
    ),
    "text": (
        "\n".join([HEADER, *ROWS]),
        "price",
        None,
        "columns that are not numeric: 'kind'; encode",
    ),
    "text target": (
        "\n".join([HEADER, *ROWS]),
        "kind",
        "regression",
        "column 'kind' of .* is not numeric; write --task classification",
    ),
    "empty": ("", "price", None, "has no rows; give a header"),
    "a header alone": (f"{HEADER}\n", "price", None, "has no rows"),
    "no header": ("1,2\n3,4", "1", None, "must name the columns, .* not '1', '2'"),
    "a name twice": ("a,a\n3,4", "a", None, "each by another name"),
    "a short row": ("a,b\n1,2\n3", "b", None, "row 2 of .* has 1 values, but .* has 2"),
    "a gap": ("a,b\n1,2\n,4", "b", None, "no value in row 2, column 'a'"),
    "not a number": ("a,b\n1,2\nNaN,4", "b", None, "no value in row 2, column 'a'"),
    "one column": ("b\n1\n2", "b", None, "no column besides the target 'b'"),
    "infinite": ("a,b\n1,2\ninf,4", "b", None, "not numeric: 'a'"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_no_table(name, tmp_path):
    text, target, task, sentence = FAULTS[name]
    with pytest.raises(ValueError, match=sentence):
        load_csv(written(tmp_path / "table.csv", text), target, task)


def test_what_is_no_file(tmp_path):
    with pytest.raises(ValueError, match="there is no file"):
        load_csv(str(tmp_path / "none.csv"), "a", None)
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="is no text in UTF-8"):
        load_csv(str(tmp_path / "bytes.csv"), "a", None)


def test_a_target_is_of_a_file(capsys):
    assert main(["fit", "--data", "yacht", "--target", "x", *QUICK]) != 0
    assert (
        "--target and --task are for CSV files, not for yacht"
        in capsys.readouterr().err
    )
