"""The table of a sweep: a row for each cell, with means and standard errors over seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev

from zoo.reports.table import Cell, Table
from zoo.sweeps.cell import SweepCell
from zoo.sweeps.record import Record

ERROR = "error"  # the ending of a column with standard errors
REMARK = "remark"
_LONGEST = 120  # characters of a remark
_SECONDS, _MEMORY = "seconds", "memory MB"
_DIGITS = {_SECONDS: 1, _MEMORY: 0, "coverage 90 %": 2}


def sweep_table(
    cells: Sequence[SweepCell], records: Mapping[int, Sequence[Record]]
) -> Table:
    """Return the table of a sweep.

    Arguments:
        cells: The cells.
        records: The records of each cell, one a seed, by the number of the cell.
    """
    rows: list[dict[str, Cell]] = []
    for number, cell in enumerate(cells):
        if records.get(number):
            rows.append({**cell.labels, **_summary(records[number])})

    columns: dict[str, None] = {}
    for row in rows:
        columns |= dict.fromkeys(name for name in row if name not in _last(row))
    for row in rows:
        columns |= dict.fromkeys(_last(row))

    shown = [name for name in columns if any(row.get(name) is not None for row in rows)]
    lines = [[row.get(name) for name in shown] for row in rows]
    return Table(tuple(shown), lines, _digits(shown))


def _summary(records: Sequence[Record]) -> dict[str, Cell]:
    """Return the means of the fits of a cell, their standard errors, and what went wrong."""
    fits = [record for record in records if record.scores]
    found: dict[str, Cell] = {}
    names = dict.fromkeys(name for record in fits for name in record.scores)
    for name in names:
        values = [record.scores[name] for record in fits if name in record.scores]
        found[name] = fmean(values)
        if len(records) > 1:
            found[f"{name} {ERROR}"] = _standard_error(values)

    found[_SECONDS] = _mean([record.seconds for record in fits])
    found[_MEMORY] = _largest([record.memory for record in fits])
    found[REMARK] = _remark(records) or None
    return found


def _standard_error(values: Sequence[float]) -> float | None:
    """Return the standard error of a mean; None of one value."""
    if len(values) < 2:
        return None

    return stdev(values) / math.sqrt(len(values))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _largest(values: Sequence[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _remark(records: Sequence[Record]) -> str:
    """Return why fits failed, or else what they warned of, with the number of the seeds."""
    errors = [record.error for record in records if record.error]
    said = errors or [record.warnings[0] for record in records if record.warnings]
    if not said:
        return ""

    text = said[0]
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST - 3]}..."

    return text if len(said) == len(records) else f"{len(said)} seeds: {text}"


def _last(row: Mapping[str, Cell]) -> list[str]:
    """Return the columns that stand at the end."""
    return [name for name in (_SECONDS, _MEMORY, REMARK) if name in row]


def _digits(columns: Sequence[str]) -> dict[str, int]:
    """Return the decimal places of each column; an error has those of its score."""
    found = dict(_DIGITS)
    for name in columns:
        base = name.removesuffix(f" {ERROR}")
        if base != name:
            found[name] = _DIGITS.get(base, 3)

    return found
