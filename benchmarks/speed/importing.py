"""Seconds of importing the packages beyond torch and Pyro, in a new process each time."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.speed.row import Row, Settings, Target

TARGET = Target(0.3, 0.1)
PROGRAM = """import torch, pyro, time
began = time.perf_counter()
import guides
from zoo import BayesianNetwork, datasets, diagnostics, inference, networks, priors
print(time.perf_counter() - began)
"""
ROOT = Path(__file__).parents[2]
MARK = "now ours"


def imports(settings: Settings) -> list[Row]:
    """Import in new processes; the first one, without cached files and bytecode, is omitted."""
    number = int(settings.pick(4, 12))
    with tempfile.TemporaryDirectory() as folder:  # bytecode is kept, as for users
        seconds = [fresh(folder) for _ in range(number)]
        slowest = []
        for name, cost in costly(folder):
            milliseconds = 1000 * cost
            slowest.append(f"{name} {milliseconds:.0f} ms")

    seconds = seconds[1:]

    row = Row(
        work="import zoo, guides",
        compared="seconds beyond torch and pyro",
        ratio=statistics.median(seconds),
        target=TARGET,
        facts={"least s": round(min(seconds), 3), "most s": round(max(seconds), 3)},
        note=f"Of this, themselves: {', '.join(slowest)}.",
    )
    return [row]


def fresh(bytecode: str) -> float:
    """Return the seconds of one process that keeps bytecode in a folder."""
    return float(python(["-c", PROGRAM], bytecode).stdout)


def python(arguments: list[str], bytecode: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a process that keeps bytecode in a folder."""
    environment = dict(os.environ)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment["PYTHONPYCACHEPREFIX"] = bytecode
    command = [sys.executable, *arguments]

    return subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=ROOT, env=environment
    )


def costly(bytecode: str, count: int = 5) -> list[tuple[str, float]]:
    """Return the modules that take longest themselves after torch and Pyro, by `-X importtime`."""
    program = f"import torch, pyro, sys; sys.stderr.write('{MARK}'); import zoo, guides"
    run = python(["-X", "importtime", "-c", program], bytecode)
    _, _, lines = run.stderr.rpartition(MARK)

    found = []
    for line in lines.splitlines():
        own, _, names = line.removeprefix("import time:").partition("|")
        if own.strip().isdigit():
            _, _, name = names.rpartition("|")
            found.append((name.strip(), int(own) / 1e6))

    slowest_first = sorted(found, key=lambda pair: -pair[1])
    return slowest_first[:count]
