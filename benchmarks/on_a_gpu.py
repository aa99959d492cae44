"""Everything that needs a GPU, in one run of a few minutes: tests, then measurements."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from benchmarks.record import write

_TESTS = ("-m", "pytest", "-m", "gpu", "-q", "-p", "no:cacheprovider", "tests")
_SPEED = ("-m", "benchmarks.speed", "--rows", "gpu", "--quick")
_NONE = "This machine has no CUDA device: all tests are skipped and no row is measured."


@dataclass(frozen=True)
class Part:
    """How a part of the run ended.

    Arguments:
        how: "passed", "failed", or "stopped" at the limit of the time.
        seconds: How long it took.
        last_line: The last line that it printed.
    """

    how: str
    seconds: float
    last_line: str


def parts(out: Path) -> dict[str, tuple[str, ...]]:
    """Return the arguments of Python for each part of the run, the most needed first.

    Arguments:
        out: Folder for the results.
    """
    return {"tests": _TESTS, "speed": (*_SPEED, "--out", str(out))}


def run_all(
    commands: Mapping[str, Sequence[str]], seconds: float, logs: Path
) -> dict[str, Part]:
    """Run the parts one after another, until the time is up; each writes a log.

    Arguments:
        commands: Arguments of Python for each part.
        seconds: Time for all of them.
        logs: Folder for what they print.
    """
    logs.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + seconds

    found = {}
    for name, arguments in commands.items():
        left = max(0.0, end - time.monotonic())
        found[name] = _run(arguments, left, logs / f"{name}.log")
        print(f"{name}: {found[name].how}, {found[name].last_line}", flush=True)

    return found


def _run(arguments: Sequence[str], seconds: float, log: Path) -> Part:
    """Run Python for at most so many seconds."""
    began = time.monotonic()
    with log.open("w") as file:
        try:
            ended = subprocess.run(
                [sys.executable, *arguments],
                stdout=file,
                stderr=subprocess.STDOUT,
                timeout=seconds,
                check=False,
            )
            how = "passed" if ended.returncode == 0 else "failed"
        except subprocess.TimeoutExpired:
            how = "stopped"

    lines = log.read_text().strip().splitlines()
    last_line = lines[-1] if lines else "nothing was printed"

    return Part(how, round(time.monotonic() - began, 1), last_line)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts, and write how they ended; return 0 if all of them passed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.on_a_gpu", description=__doc__
    )
    parser.add_argument("--minutes", type=float, default=8.0, help="time for all parts")
    parser.add_argument(
        "--out", type=Path, default=Path("gpu"), help="folder for results and logs"
    )
    options = parser.parse_args(arguments)

    has_gpu = torch.cuda.is_available()
    if not has_gpu:
        print(_NONE)

    ended = run_all(parts(options.out), 60 * options.minutes, options.out)
    results = {name: asdict(part) for name, part in ended.items()}
    write(options.out / "parts.json", results, "cuda" if has_gpu else "cpu")
    all_passed = all(part.how == "passed" for part in ended.values())

    return 0 if all_passed else 1


if __name__ == "__main__":
    sys.exit(main())
