"""The files of a command: tried before the work, and each written for itself after it."""

import os

import pytest

from zoo.__main__ import main
from zoo.command.output import as_json, write_files
from zoo.experiments import Run
from zoo.inference.mcmc.running.run import ChainRun
from zoo.inference.svi.trainer import Trainer

FIT = ["fit", "--data", "linear", "--steps", "3", "--hidden", "3", "--num-samples", "3"]
FIT += ["--no-progress"]
COMMANDS = {
    "fit": FIT,
    "compare": ["compare", "--steps", "3", "--no-progress"],
    "compare with a reference": ["compare", "--reference", "linear", "--no-progress"],
    "reference": ["reference", "linear"],
    "reproduce": ["reproduce", "prune-ecg", "--no-progress"],
}
FILES = {
    "fit": ["posterior.safetensors", "results.json", "fit.png"],
    "compare": ["results.json", "zoo.png"],
    "compare with a reference": ["results.json", "linear-MeanField.png"],
    "reference": ["linear.safetensors"],
    "reproduce": ["prune-ecg.json", "prune-ecg.png"],
}


@pytest.fixture
def no_work(monkeypatch):
    """Fail if a step is taken or a draw is made."""

    def work(self, *args, **options):
        raise AssertionError("the work has begun")

    monkeypatch.setattr(Trainer, "run", work)
    monkeypatch.setattr(ChainRun, "go", work)


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("command", COMMANDS)
def test_an_out_that_is_a_file_is_told_before_the_work(command, tmp_path, capsys):
    (tmp_path / "file").write_text("x")
    assert main([*COMMANDS[command], "--out", str(tmp_path / "file")]) == 2
    said = capsys.readouterr().err
    assert "--out must be a folder, but" in said
    assert "file is a file or lies in one; give another" in said
    assert (tmp_path / "file").read_text() == "x"


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize(
    ("command", "name"), [(key, name) for key, names in FILES.items() for name in names]
)
def test_a_folder_in_the_place_of_a_file_is_told_before_the_work(
    command, name, tmp_path, capsys
):
    (tmp_path / name).mkdir()
    assert main([*COMMANDS[command], "--out", str(tmp_path)]) == 2
    assert f"{name} is a folder; give the path of a file" in capsys.readouterr().err


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize(
    "option",
    [
        "--num-samples",
        "--hidden",
        "--steps",
        "--batch-size",
        "--chains",
        "--draws",
        "--num-train",
    ],
)
@pytest.mark.parametrize("value", ["0", "-1", "many"])
def test_a_count_below_one_is_told_before_the_work(option, value, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main([*FIT, f"{option}={value}", "--out", str(tmp_path)])
    said = capsys.readouterr().err
    assert f"{option}: it must be a whole number, at least 1, not {value!r}" in said


@pytest.mark.filterwarnings("ignore:NUTS")  # three draws do not adapt a step size
def test_chains_too_short_to_be_judged_are_kept(tmp_path, capsys):
    options = ["--engine", "NUTS", "--warmup", "2", "--draws", "3", "--noise", "0.1"]
    options += ["--set", "compile=plain"]
    assert main([*FIT, *options, "--out", str(tmp_path)]) == 0
    assert "chains: " in capsys.readouterr().out
    assert (tmp_path / "posterior.safetensors").is_file()


def test_files_that_can_be_written_are_written(tmp_path, capsys):
    writes = {
        tmp_path / "none" / "a.json": as_json({"a": 1}),
        tmp_path / "b.json": as_json({"b": 2}),
        tmp_path / "none" / "c.json": as_json({"c": 3}),
    }
    with pytest.raises(
        OSError, match=r"cannot write .*a.json \(No such .*; cannot write .*c.json"
    ):
        write_files(writes)
    assert capsys.readouterr().out == f"written: {tmp_path / 'b.json'}\n"
    assert (tmp_path / "b.json").read_text() == '{\n  "b": 2\n}\n'


def test_a_full_disk_after_the_work_is_a_sentence(tmp_path, monkeypatch, capsys):
    def full(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("zoo.posterior.storage.save_file", full)
    assert main([*FIT, "--out", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert "cannot write" in said.err
    assert "posterior.safetensors (No space left on device); free some" in said.err
    assert "rmse" in said.out  # the scores are not lost
    assert sorted(os.listdir(tmp_path)) == ["fit.png", "results.json"]


def test_ctrl_c_ends_in_a_word(tmp_path, monkeypatch, capsys):
    def interrupt(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(Run, "run", interrupt)
    assert main([*COMMANDS["reproduce"], "--out", str(tmp_path)]) == 130
    assert capsys.readouterr().err.endswith("reproduce: interrupted\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_an_empty_folder_name_is_refused(command, capsys):
    """As of a variable of the shell that is not set: "$RESULTS"."""
    with pytest.raises(SystemExit, match="2"):
        main([*COMMANDS[command], "--out", ""])
    said = capsys.readouterr().err
    assert "--out: '' is not the name of a folder; write . for the present one" in said


def test_ctrl_c_before_the_first_step_says_so(tmp_path, monkeypatch, capsys):
    def interrupt(self, *batch):
        raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "_step", interrupt)
    assert main([*FIT, "--out", str(tmp_path)]) == 0
    assert "interrupted after 0 of 3 steps\n" in capsys.readouterr().out
    assert sorted(os.listdir(tmp_path)) == sorted(FILES["fit"])


def test_ctrl_c_in_a_fit_writes_what_was_reached(tmp_path, monkeypatch, capsys):
    step, left = Trainer._step, [2]

    def interrupt(self, *batch):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return step(self, *batch)

    monkeypatch.setattr(Trainer, "_step", interrupt)
    assert main([*FIT, "--out", str(tmp_path)]) == 0
    assert "interrupted after 2 of 3 steps" in (tmp_path / "results.json").read_text()
    assert "interrupted after 2 of 3 steps\n" in capsys.readouterr().out
