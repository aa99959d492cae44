"""Memory of a step: little for random nodes, threefold for weights with a scale each."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


def megabytes(case):
    command = [sys.executable, "-m", "benchmarks.memory", "--case", case]
    root = Path(__file__).parents[2]
    run = subprocess.run(
        command, cwd=root, capture_output=True, text=True, timeout=300, check=True
    )
    return json.loads(run.stdout)["megabytes"]


@pytest.mark.slow
@pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(),
    reason="peak memory is read as Linux gives it",
)
def test_a_step_with_nodes_takes_at_most_1_3_times_the_memory_of_a_plain_one():
    plain = megabytes("deterministic")
    assert megabytes("NodeMixture") < 1.3 * plain
    assert megabytes("NodeMixture, weights frozen") < 1.1 * plain
    assert megabytes("MeanField") > 2 * plain  # which the bound rejects
