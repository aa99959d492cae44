"""An editor and a type checker know the types of a user's program, and find mistakes in it."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).parent / "programs"
USER = PROGRAMS / "user.py"
MISTAKES = PROGRAMS / "mistakes.py"


@pytest.fixture(scope="module", params=["mypy", "pyright"])
def report(request, installed):
    """Check both programs in the environment of the installed package; return what is printed."""
    checker = request.param
    if importlib.util.find_spec(checker) is None:
        pytest.skip(f"{checker} is not installed")
    python = str(installed.bin / "python")
    options = {
        "mypy": [
            "--python-executable",
            python,
            "--cache-dir",
            str(installed.folder / "mypy"),
            "--config-file",
            str(PROGRAMS / "mypy.ini"),
        ],
        "pyright": ["--pythonpath", python],
    }
    command = [
        sys.executable,
        "-m",
        checker,
        *options[checker],
        str(USER),
        str(MISTAKES),
    ]
    ended = subprocess.run(
        command, cwd=installed.folder, capture_output=True, text=True, check=False
    )
    return ended.stdout + ended.stderr


def test_types_of_a_users_program_are_exact(report):
    expected = re.findall(
        r"^reveal_type\(.*\)  # (\w+)$", USER.read_text(), re.MULTILINE
    )
    revealed = re.findall(r'(?:Revealed type is|Type of ".*" is) "(.*)"', report)
    names = [re.sub(r"\[.*\]", "", name).rpartition(".")[2] for name in revealed]
    assert names == expected, report
    assert not re.search(r"user\.py:\d+.*error:", report), report


def test_mistakes_are_found_where_they_are(report):
    lines = MISTAKES.read_text().splitlines()
    expected = {number for number, line in enumerate(lines, 1) if "# mistake" in line}
    found = {
        int(number) for number in re.findall(r"mistakes\.py:(\d+).*error:", report)
    }
    assert found == expected, report
