"""Seconds that importing the packages takes beyond torch and Pyro, each time in a process of its own."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.speed.row import Row, Settings, Target

TARGET = Target(0.3, 0.1)
PROGRAM = "import torch, pyro, time; began = time.perf_counter(); import zoo, guides; print(time.perf_counter() - began)"
ROOT = Path(__file__).parents[2]
MARK = "now ours"


def imports(settings: Settings) -> list[Row]:
    """Import in fresh processes; the first finds no files in the cache and no bytecode, and does not count."""
    with (
        tempfile.TemporaryDirectory() as folder
    ):  # bytecode is kept, as on anyone's machine
        seconds = [fresh(folder) for _ in range(int(settings.pick(4, 12)))][1:]
    slowest = ", ".join(f"{name} {1000 * cost:.0f} ms" for name, cost in costly())
    facts = {"least s": round(min(seconds), 3), "most s": round(max(seconds), 3)}
    note = f"Of this, themselves: {slowest}."
    return [
        Row(
            "import zoo, guides",
            "seconds beyond torch and pyro",
            statistics.median(seconds),
            TARGET,
            facts,
            note,
        )
    ]


def fresh(bytecode: str) -> float:
    """Return the seconds of one process that keeps bytecode in a folder."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name != "PYTHONDONTWRITEBYTECODE"
    }
    environment["PYTHONPYCACHEPREFIX"] = bytecode
    command = [sys.executable, "-c", PROGRAM]
    run = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=ROOT, env=environment
    )
    return float(run.stdout)


def costly(count: int = 5) -> list[tuple[str, float]]:
    """Return the modules that take longest themselves once torch and Pyro are there, by Python's own clock."""
    program = f"import torch, pyro, sys; sys.stderr.write('{MARK}'); import zoo, guides"
    command = [sys.executable, "-X", "importtime", "-c", program]
    text = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=ROOT
    ).stderr
    found = []
    for line in text.rpartition(MARK)[2].splitlines():
        own, _, name = line.removeprefix("import time:").partition("|")
        if own.strip().isdigit():
            found.append((name.split("|")[-1].strip(), int(own) / 1e6))
    return sorted(found, key=lambda pair: -pair[1])[:count]
