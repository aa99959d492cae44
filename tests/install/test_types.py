"""An editor and a type checker know the types of a user's program, and find mistakes in it."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).parent / "programs"
EXPECTED = re.findall(
    r"^reveal_type\(.*\)  # (\w+)$", (PROGRAMS / "user.py").read_text(), re.M
)
MISTAKES = [
    number
    for number, line in enumerate(
        (PROGRAMS / "mistakes.py").read_text().splitlines(), 1
    )
    if "# mistake" in line
]


def check(checker, installed, program):
    """Check a program in the environment of the installed package; return what is printed."""
    if importlib.util.find_spec(checker) is None:
        pytest.skip(f"{checker} is not installed")
    python = str(installed.bin / "python")
    options = {
        "mypy": [
            "--python-executable",
            python,
            "--cache-dir",
            str(installed.folder / "mypy"),
        ],
        "pyright": ["--pythonpath", python],
    }
    command = [
        sys.executable,
        "-m",
        checker,
        *options[checker],
        str(PROGRAMS / program),
    ]
    ended = subprocess.run(
        command, cwd=installed.folder, capture_output=True, text=True, check=False
    )
    return ended.stdout + ended.stderr


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_types_of_a_users_program_are_exact(checker, installed):
    text = check(checker, installed, "user.py")
    revealed = re.findall(r'(?:Revealed type is|Type of ".*" is) "(.*)"', text)
    names = [re.sub(r"\[.*\]", "", name).rpartition(".")[2] for name in revealed]
    assert names == EXPECTED, text
    assert not re.search(r": error:|- error:", text), text


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_mistakes_are_found_where_they_are(checker, installed):
    text = check(checker, installed, "mistakes.py")
    lines = {int(number) for number in re.findall(r"mistakes\.py:(\d+).*error:", text)}
    assert lines == set(MISTAKES), text
