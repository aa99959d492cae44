"""`zoo hub` and `zoo card`: what they print and write."""

from zoo.__main__ import main

NAME = "digits-mlp-mean-field"


def test_hub_lists_names_with_a_sentence(capsys):
    assert main(["hub"]) == 0
    lines = capsys.readouterr().out.splitlines()
    (line,) = [line for line in lines if line.startswith(NAME)]
    assert "0.03 MB" in line
    assert line.endswith("with every weight under a normal of its own")


def test_card_is_printed_and_written(tmp_path, capsys):
    assert main(["card", NAME]) == 0
    printed = capsys.readouterr().out
    assert f"# {NAME}" in printed

    file = tmp_path / "README.md"
    assert main(["card", NAME, "--out", str(file)]) == 0
    assert file.read_text() == printed


def test_an_unknown_name_is_an_error_of_one_line(capsys):
    assert main(["card", "digits-mlp-mean"]) == 2
    assert (
        f"there is no entry 'digits-mlp-mean' in the package; write one of: {NAME}"
        in (capsys.readouterr().err)
    )
    assert main(["hub", "--make", "nothing"]) == 2
    assert "there is no animal 'nothing'" in capsys.readouterr().err


def test_data_that_are_not_in_the_package_are_asked_for(tmp_path, capsys):
    assert main(["hub", "--make", "lenet5-mnist-nodes", "--hub", str(tmp_path)]) == 2
    assert "write --path FOLDER" in capsys.readouterr().err
