"""Seconds that importing the packages takes beyond torch and Pyro, each time in a process of its own."""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.speed.row import Row, Settings, Target

TARGET = Target(0.3, 0.1)
PROGRAM = (
    "import torch, pyro, time; began = time.perf_counter(); import zoo, guides; print(time.perf_counter() - began)"
)
ROOT = Path(__file__).parents[2]
MARK = "now ours"


def imports(settings: Settings) -> list[Row]:
    """Import in fresh processes; the first finds nothing in the file cache and does not count."""
    seconds = [fresh() for _ in range(int(settings.pick(4, 12)))][1:]
    slowest = ", ".join(f"{name} {1000 * cost:.0f} ms" for name, cost in costly())
    facts = {"least s": round(min(seconds), 3), "most s": round(max(seconds), 3)}
    note = f"Of this, themselves: {slowest}."
    return [Row("import zoo, guides", "seconds beyond torch and pyro", statistics.median(seconds), TARGET, facts, note)]


def fresh() -> float:
    """Return the seconds of one process."""
    run = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True, cwd=ROOT)
    return float(run.stdout)


def costly(count: int = 5) -> list[tuple[str, float]]:
    """Return the modules that take longest themselves once torch and Pyro are there, by Python's own clock."""
    program = f"import torch, pyro, sys; sys.stderr.write('{MARK}'); import zoo, guides"
    command = [sys.executable, "-X", "importtime", "-c", program]
    text = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stderr
    found = []
    for line in text.rpartition(MARK)[2].splitlines():
        own, _, name = line.removeprefix("import time:").partition("|")
        if own.strip().isdigit():
            found.append((name.split("|")[-1].strip(), int(own) / 1e6))
    return sorted(found, key=lambda pair: -pair[1])[:count]
