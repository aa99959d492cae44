"""Two processes on one file: the second is told, and a killed one leaves no lock."""

import os
import signal
import subprocess
import sys

import pytest

from zoo.runtime.files.lock import only_one

HOLD = """
import sys, time
from pathlib import Path
from zoo.runtime.files.lock import only_one
with only_one(Path(sys.argv[1]), "checkpoint"):
    print("locked", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Start another process that has locked the file."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "a.run")],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "locked\n"
    yield process
    process.kill()
    process.communicate()


def test_the_second_process_is_told_and_a_killed_one_leaves_no_lock(tmp_path, holder):
    path = tmp_path / "a.run"
    sentence = rf"the checkpoint .*a.run is in use by process {holder.pid} on .*; wait"
    with pytest.raises(ValueError, match=sentence), only_one(path, "checkpoint"):
        pass
    with only_one(tmp_path / "b.run", "checkpoint"):
        pass  # another file is free

    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert (tmp_path / ".a.run.lock").exists()
    with only_one(path, "checkpoint"):
        pass
    assert not (tmp_path / ".a.run.lock").exists()


def test_a_second_block_in_one_process_is_told(tmp_path):
    path = tmp_path / "a.run"
    link = tmp_path / "link"
    link.symlink_to(path)
    with only_one(path, "checkpoint"):
        for other in (path, link):
            with (
                pytest.raises(ValueError, match=rf"by this process \({os.getpid()}\)"),
                only_one(other, "checkpoint"),
            ):
                pass
    with only_one(path, "checkpoint"):
        pass
    assert [each.name for each in tmp_path.iterdir()] == ["link"]


def test_a_folder_without_locks_locks_nothing(tmp_path, monkeypatch):
    with only_one(tmp_path / "none" / "a.run", "checkpoint"):
        pass

    def refuse(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.lockf", refuse)
    with only_one(tmp_path / "a.run", "checkpoint"):
        pass
