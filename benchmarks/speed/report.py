"""The table of speed on the screen, as a page, and as JSON, written after every part."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.record import write
from benchmarks.speed.row import COLUMNS, Row, Settings, Target
from zoo.experiments.running.record import about, processor_name
from zoo.reports.table import Table

PEERS = (
    "jax",
    "bayesian-torch",
    "torchbnn",
    "blitz-bayesian-pytorch",
)
HEAD = """# Speed

Written by `python -m benchmarks.speed`. Every row measures both sides in one run, in turn (A B A
B), medians, without warm-up and compiling, on the same number of threads. A floor must be
reached, a goal is desired. TyXe is omitted: it does not run on current versions of Pyro.
"""
OWN = """
## Both sides' own numbers
"""
GROWTH = """
## Cost as work grows

![Seconds against data, units, chains and draws](../docs/speed.png)
"""
QUICK = ", `--quick`: fixed costs of a run count"


def machine(settings: Settings) -> str:
    """Describe machine, threads and versions in a line or two."""
    device = "" if settings.device == "cpu" else f" {settings.device},"
    plural = "s" if settings.threads > 1 else ""
    threads = f"{settings.threads} thread{plural}"
    quick = QUICK if settings.quick else ""

    named = [f"{name} {number}" for name, number in versions().items()]
    words = ", ".join(named)
    cores = os.cpu_count()

    return f"{processor_name()}, {cores} cores,{device} {threads}{quick}. {words}."


def versions() -> dict[str, str]:
    """Return the versions of all libraries; "absent" for a peer that is not installed."""
    found = dict(about("cpu")["versions"])
    for peer in PEERS:
        try:
            found[peer] = version(peer)
        except PackageNotFoundError:
            found[peer] = "absent"
    return found


def page(rows: Sequence[Row], settings: Settings) -> str:
    """Return the page."""
    cells = [row.cells() for row in rows]
    parts = [HEAD, "\n", machine(settings), "\n\n", markdown(COLUMNS, cells)]

    notes = []
    for row in rows:
        if row.note:
            notes.append(f"- {row.work}, {row.compared}: {row.note}")
    if notes:
        parts += ["\n", "\n".join(notes), "\n"]

    own = measurements(rows)
    if own:
        parts += [OWN, "\n", markdown(("work", "numbers"), own)]

    if any(is_growth(row) for row in rows):
        parts.append(GROWTH)
    return "".join(parts)


def is_growth(row: Row) -> bool:
    """Return whether a row is about the growth of the cost."""
    return row.work.startswith("cost")


def measurements(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Return the measurements of both sides, without repetitions."""
    found: list[tuple[str, str]] = []
    for row in rows:
        if not row.facts or is_growth(row):
            continue

        named = [f"{name} {value}" for name, value in row.facts.items()]
        line = (row.work, ", ".join(named))
        if line not in found:
            found.append(line)
    return found


def markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    text = ""
    for cells in (columns, ["---"] * len(columns), *rows):
        line = " | ".join(cells)
        text += f"| {line} |\n"

    return text


def save(folder: Path, parts: Mapping[str, Sequence[Row]], settings: Settings) -> None:
    """Write the page and the JSON of all rows so far."""
    rows: list[Row] = []
    as_dicts = {}
    for name, part in parts.items():
        rows += part
        as_dicts[name] = [asdict(row) for row in part]

    known = versions()
    contents = {
        "settings": kept_settings(settings),
        "processor": processor_name(),
        "peers": {peer: known[peer] for peer in PEERS},
        "rows": as_dicts,
    }
    write(folder / "results" / "speed.json", contents, settings.device)
    (folder / "RESULTS.md").write_text(page(rows, settings))


def load(folder: Path, settings: Settings) -> dict[str, list[Row]]:
    """Read the parts that an earlier run with the same settings wrote; none without such a run."""
    path = folder / "results" / "speed.json"
    if not path.exists():
        return {}

    written = json.loads(path.read_text())
    earlier = written["settings"]
    now = kept_settings(settings)
    if earlier != now:
        raise SystemExit(
            f"{path} was measured with {earlier}, not {now}: "
            "give another folder by --out"
        )

    parts = {}
    for name, rows in written["rows"].items():
        parts[name] = [read(row) for row in rows]

    return parts


def kept_settings(settings: Settings) -> dict[str, object]:
    """Return the settings that a file keeps."""
    return {
        "quick": settings.quick,
        "threads": settings.threads,
        "device": settings.device,
    }


def read(row: dict) -> Row:
    """Make a row from its JSON."""
    target = row.pop("target")
    return Row(**row, target=Target(**target) if target is not None else None)


def show(rows: Sequence[Row]) -> str:
    """Return rows as a terminal prints them."""
    text = []
    if rows:
        cells = [row.cells() for row in rows]
        text.append(str(Table(COLUMNS, cells)))
    for row in rows:
        if row.note:
            text.append(f"  {row.work}: {row.note}")

    return "\n".join(text)
