"""The table of speed on the screen, as a page, and as JSON; written after every part, so that no long run is lost."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.record import write
from benchmarks.speed.row import COLUMNS, Row, Settings, Target
from zoo.experiments.record import about
from zoo.reports.table import Table

PEERS = (
    "jax",
    "numpyro",
    "blackjax",
    "bayesian-torch",
    "torchbnn",
    "blitz-bayesian-pytorch",
)
HEAD = """# Speed

Written by `python -m benchmarks.speed`. Every row measures both sides in one run, in turn (A B A B), medians, without
warm-up and compiling, on the same number of threads. A floor must be reached, a goal is what is aimed at. TyXe is left
out: it no longer runs on today's Pyro.
"""
SAMPLERS = """
## The samplers themselves

13-50-1 network, 500 points of noise, tanh, noise 0.1, float32. Effective draws are those of the function value, of 20
at the data's own inputs, that has fewest; R-hat above 1.05 at any of the 20 counts as zero. At new inputs this
posterior has modes between which no sampler of this table moves.
"""
OWN = """
## Both sides' own numbers
"""


def machine(settings: Settings) -> str:
    """Describe machine, threads and versions in a line or two."""
    found = versions()
    device = "" if settings.device == "cpu" else f" {settings.device},"
    threads = f"{settings.threads} thread{'s' if settings.threads > 1 else ''}"
    lengths = (
        ", `--quick`: so few counts that no sampler converges and fixed costs of a run weigh in"
        if settings.quick
        else ""
    )
    words = ", ".join(f"{name} {number}" for name, number in found.items())
    return (
        f"{processor()}, {os.cpu_count()} cores,{device} {threads}{lengths}. {words}."
    )


def processor() -> str:
    """Return what the processor calls itself."""
    information = Path("/proc/cpuinfo")
    named = (
        re.search(r"model name\s*:\s*(.+)", information.read_text())
        if information.exists()
        else None
    )
    return named[1].strip() if named else platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """Return the versions of everything measured; a peer that is not there says so."""
    found = dict(about("cpu")["versions"])
    for peer in PEERS:
        try:
            found[peer] = version(peer)
        except PackageNotFoundError:
            found[peer] = "absent"
    return found


def page(rows: Sequence[Row], settings: Settings) -> str:
    """Write the page."""
    compared = [row for row in rows if row.facts.get("sampler") is None]
    parts = [
        HEAD,
        "\n",
        machine(settings),
        "\n\n",
        markdown(COLUMNS, [row.cells() for row in compared]),
    ]
    notes = [
        f"- {row.work}, {row.compared}: {row.note}" for row in compared if row.note
    ]
    parts += ["\n", "\n".join(notes), "\n"] if notes else []
    runs = [row.facts for row in rows if row.facts.get("sampler") is not None]
    if runs:
        parts += [
            SAMPLERS,
            "\n",
            markdown(tuple(runs[0]), [tuple(map(str, run.values())) for run in runs]),
        ]
    own = [
        (row.work, ", ".join(f"{name} {value}" for name, value in row.facts.items()))
        for row in compared
        if row.facts and not row.work.startswith("cost")
    ]
    if own:
        parts += [OWN, "\n", markdown(("work", "numbers"), list(dict.fromkeys(own)))]
    if any(row.work.startswith("cost") for row in rows):
        parts.append(
            "\n## Cost as work grows\n\n![Seconds against data, units, chains and draws](../docs/speed.png)\n"
        )
    return "".join(parts)


def markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table of a page."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def save(folder: Path, parts: Mapping[str, Sequence[Row]], settings: Settings) -> None:
    """Write the page and the JSON of all rows so far."""
    rows = [row for part in parts.values() for row in part]
    facts = {
        "settings": {
            "quick": settings.quick,
            "threads": settings.threads,
            "device": settings.device,
        },
        "processor": processor(),
        "peers": {name: number for name, number in versions().items() if name in PEERS},
        "rows": {name: [asdict(row) for row in part] for name, part in parts.items()},
    }
    write(folder / "results" / "speed.json", facts, settings.device)
    (folder / "RESULTS.md").write_text(page(rows, settings))


def load(folder: Path, settings: Settings) -> dict[str, list[Row]]:
    """Read the parts that an earlier run with the same settings wrote, none where there is no such run."""
    path = folder / "results" / "speed.json"
    if not path.exists():
        return {}
    written = json.loads(path.read_text())
    same = {
        "quick": settings.quick,
        "threads": settings.threads,
        "device": settings.device,
    }
    if written["settings"] != same:
        raise SystemExit(
            f"{path} was measured with {written['settings']}, not {same}: give another folder by --out"
        )
    return {name: [read(row) for row in rows] for name, rows in written["rows"].items()}


def read(row: dict) -> Row:
    """Make a row of what JSON kept of it."""
    target = row.pop("target")
    return Row(**row, target=Target(**target) if target is not None else None)


def show(rows: Sequence[Row]) -> str:
    """Return rows as a terminal prints them."""
    compared = [row for row in rows if row.facts.get("sampler") is None]
    runs = [row.facts for row in rows if row.facts.get("sampler") is not None]
    text = [str(Table(COLUMNS, [row.cells() for row in compared]))] if compared else []
    text += [f"  {row.work}: {row.note}" for row in compared if row.note]
    if runs:
        text.append(str(Table(tuple(runs[0]), [tuple(run.values()) for run in runs])))
    return "\n".join(text)
