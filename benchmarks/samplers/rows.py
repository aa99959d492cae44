"""The rows: one line of JSON for each run, so that a measurement can be taken up again."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.samplers.plan import Key, budget_of, samplers
from benchmarks.samplers.posteriors import POSTERIORS
from benchmarks.samplers.run import run

Row = dict[str, Any]


def read(path: Path) -> list[Row]:
    """Read all rows; a line that was cut off is left out."""
    if not path.exists():
        return []

    rows = []
    for line in path.read_text().splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue

    return rows


def key_of(row: Row) -> Key:
    """Return the key of a row."""
    return Key(*(row[name] for name in Key._fields))


def missing(path: Path, keys: Iterable[Key]) -> list[Key]:
    """Return the keys without a row in a file."""
    done = {key_of(row) for row in read(path)}
    return [key for key in keys if key not in done]


def append(path: Path, row: Row) -> None:
    """Add a row to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")


def measure(key: Key, share: float, seconds: float | None) -> Row:
    """Make a row; a sampler that is not installed or fails has a row that says so.

    Arguments:
        key: Which row.
        share: Share of the usual budget.
        seconds: Seconds of sampling; None for no limit.
    """
    posterior = POSTERIORS[key.posterior]()
    budget = budget_of(posterior, key.chains, share, seconds)
    row: Row = {**key._asdict(), "share": share, "limit": seconds}
    try:
        side = samplers()[key.sampler](posterior, key.chains, key.seed)
        return row | run(side, budget).facts()
    except ImportError as error:
        return row | {"failed": f"not installed: {error.name}"}
    except Exception as error:
        traceback.print_exc()
        return row | {"failed": f"{type(error).__name__}: {error}"[:300]}
