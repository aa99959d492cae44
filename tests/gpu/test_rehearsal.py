"""The rehearsal of a GPU, in a process of its own: torch keeps a device that it has learnt of."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_no_tensor_is_made_on_the_wrong_device(pytestconfig):
    mine = {key: value for key, value in os.environ.items() if "PYTEST" not in key}
    call = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    call += ["-m", pytestconfig.getoption("markexpr")]
    rehearsal = Path(__file__).with_name("rehearsal.py")
    run = subprocess.run(
        [*call, str(rehearsal)], cwd=ROOT, env=mine, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout[-5000:]
    assert " passed" in run.stdout
