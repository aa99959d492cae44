"""Runs that are killed at any moment end in the same bits as those that are not."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cases
import pytest

PROGRAM = Path(__file__).parent / "program.py"
ROOT = PROGRAM.parents[3]
TARGETS = [
    "SVI",
    "HMC",
    "NUTS",
    "ChEES",
    "MCLMC",
    "MAMS",
    "MEADS",
    "folder",
    "reference",
    "reproduce",
]


def kill(target, number):
    """Kill runs of a target at moments spread over a run, and take each up again."""
    run = subprocess.run(
        [sys.executable, str(PROGRAM), target, str(number)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return json.loads(run.stdout.splitlines()[-1])


def assert_nothing_was_lost(found):
    assert found["repeats"], found  # two undisturbed runs agree
    assert found["equal"] == found["tried"], found
    assert found["kills"] >= 1, found


@pytest.mark.parametrize("target", cases.first(["SVI", "HMC"], ["SVI"]))
def test_a_run_that_is_killed_ends_in_the_same_bits(target):
    assert_nothing_was_lost(kill(target, 2))


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_runs_that_are_killed_at_thirty_moments_end_in_the_same_bits(target):
    found = kill(target, 30)
    assert_nothing_was_lost(found)
    assert found["kills"] >= 10, found
    assert found["with checkpoint"] >= 1, found
