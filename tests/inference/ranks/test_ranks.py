"""Two processes that share runs, against one process that replays the noise of both."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
import cases  # noqa: E402
import two_ranks  # noqa: E402

ROUNDING = 1e-12  # of sums in double precision, relative to the largest gradient
LEAST = 0.1  # what a wrong rule changes
PROGRAM: list[subprocess.Popen] = []  # the one that runs


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Start the program once; return the folder that its processes write to."""
    folder = tmp_path_factory.mktemp("ranks")
    root = HERE.parent.parent.parent
    paths = os.pathsep.join([str(root), str(root / "tests")])
    given = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    call = [sys.executable, two_ranks.__file__, str(folder)]
    with subprocess.Popen(call, env=given) as process:
        PROGRAM[:] = [process]
        yield folder
        assert process.wait() == 0


def result(folder, task, rank=0):
    """Wait for what a process writes of a task, and return it."""
    path = folder / f"{task}{rank}.json"
    while not path.exists():
        assert PROGRAM[0].poll() is None, f"the program ended without {path.name}"
        time.sleep(0.1)

    found = json.loads(path.read_text())
    assert "error" not in found, found["error"]
    return found


@pytest.fixture(scope="module")
def found(folder):
    """Return what each of the two processes found."""
    return [result(folder, "share", rank) for rank in range(2)]


@pytest.mark.parametrize("guide", cases.GUIDES)
def test_the_sum_is_that_of_one_process_with_the_same_noise(folder, guide):
    by_rule = result(folder, "by_guide")[guide]
    assert by_rule["right"] < ROUNDING
    assert by_rule["mean of gradients"] > LEAST
    assert by_rule["whole divergence on each rank"] > LEAST


@pytest.mark.parametrize("run", ["fit", "traced", "parts", "stopping", "restarts"])
def test_all_ranks_take_the_same_steps(found, run):
    first, second = found[0][run], found[1][run]
    assert first == second
    assert torch.tensor(first["losses"]).isfinite().all()


def test_ranks_stop_early_together(found):
    assert len(found[0]["stopping"]["losses"]) < 20 * 2
    assert len(found[0]["stopping"]["held_out"]) > 3


def test_ranks_end_together_when_the_time_of_the_first_is_up(found):
    assert found[0]["in time"] == found[1]["in time"]
    assert found[0]["in time"]["losses"] == []


def test_a_run_of_one_process_is_ended_by_two(found):
    resumed = found[0]["resumed"]
    assert resumed == found[1]["resumed"]
    assert resumed["num_steps"] == 40
    assert resumed["calls"] < 40 + 20  # not all steps anew; the last ones judge the run


def test_a_run_of_two_is_ended_by_one(folder):
    result(folder, "lose")
    posterior = two_ranks.fit_fragile(folder, checkpoint=folder / "two.run")
    assert posterior.info.num_steps == 40
    assert not posterior.info.stopped


def test_a_lost_rank_ends_the_other_with_a_sentence(folder):
    first = result(folder, "lose")
    assert "LostRank: another process of this run has ended" in first["stopped"]
    assert first["seconds"] < 30
    assert not (folder / "lose1.json").exists()


def test_what_depends_on_the_number_of_ranks_is_refused(found):
    batch_norm, data = found[1]["refused"]
    assert "would see only the rows of one rank" in batch_norm
    assert "the number of data is 9 on rank 0 and 10 on rank 1" in data


def test_chains_of_all_ranks_are_in_the_first_one(found):
    first, second = (torch.tensor(each["chains"]["shared"]) for each in found)
    assert first.shape[:2] == (3, 10)
    assert torch.equal(first[1:], second)
    assert found[0]["chains"]["accepted"] == [3, 10]
    assert len(first[:, -1].unique()) == 3  # noise of its own in each


def test_a_rank_draws_the_chains_that_it_would_draw_alone(found):
    for each, slice_ in zip(found, (slice(0, 1), slice(0, 2)), strict=True):
        shared = torch.tensor(each["chains"]["shared"])[slice_]
        assert torch.equal(shared, torch.tensor(each["chains"]["alone"]))


def test_one_process_reads_the_chains_of_two(folder, found):
    values = two_ranks.function_chains(folder)["values"]
    assert values == found[0]["functions"]["values"]
    assert len(values) == 3


def test_ranks_begin_at_different_draws(found):
    assert len(set(found[0]["starts"])) == 3


def test_too_few_chains_are_refused_on_all_ranks(found):
    for each in found:
        none, single = each["too few"]
        assert "1 chains are fewer than 2 ranks" in none
        assert "rank 0 has 1: ChEES learns from differences between chains" in single


def test_chains_of_a_rank_that_was_told_to_end_are_cut(folder):
    first = result(folder, "end")
    assert "interrupted after" in first["stopped"]
    assert first["chains"] == 2
    assert 2 <= first["draws"] < 20


def test_chains_of_the_others_are_kept_when_a_rank_is_lost(folder):
    first = result(folder, "lose_chains")
    kept = "lost rank 1 of 2; kept the other ranks' chains, 1 in all"
    assert first["stopped"] == kept
    assert (first["chains"], first["draws"]) == (1, 10)


def test_an_experiment_has_one_result(found):
    first, second = found[0]["experiment"], found[1]["experiment"]
    assert first["nll"] == second["nll"]
    assert first["nll"][0] == first["nll"][1]
    assert {"digits.json", "fit.safetensors", "fit.cases"} <= first["files"].keys()
    assert "write --budget full" in first["refused"]
