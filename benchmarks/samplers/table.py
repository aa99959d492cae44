"""The table: samplers on each posterior, and the best of ours against the best of the others."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.samplers.rows import Row
from zoo.reports.table import Table

WORST_RHAT = 1.05
COLUMNS = (
    "posterior",
    "chains",
    "sampler",
    "seeds",
    "R-hat > 1.05",
    "R-hat",
    "least/1000",
    "median/1000",
    "least/s",
    "median/s",
    "us",
    "warm-up",
)
RATIO_COLUMNS = ("posterior", "chains", "number", "ours", "other", "ratio", "log ± se")
NUMBERS = (
    "least_per_second",
    "median_per_second",
    "least_per_1000",
    "median_per_1000",
)


class Mean(NamedTuple):
    """A mean of logarithms over seeds, and its standard error; NaN for one seed.

    Arguments:
        log: The mean.
        error: Its standard error.
    """

    log: float
    error: float

    def __str__(self) -> str:
        error = "" if math.isnan(self.error) else f" ± {100 * self.error:.0f} %"
        return f"{math.exp(self.log):.3g}{error}"


def mean_of(rows: Sequence[Row], name: str) -> Mean:
    """Return the mean logarithm of a number of rows."""
    logs = [math.log(max(row[name], 1e-12)) for row in rows]
    error = math.nan
    if len(logs) > 1:
        error = statistics.stdev(logs) / math.sqrt(len(logs))

    return Mean(statistics.fmean(logs), error)


def groups(rows: Sequence[Row]) -> dict[tuple[str, int], dict[str, list[Row]]]:
    """Return the rows that did not fail by posterior and chains, and by sampler."""
    found: dict[tuple[str, int], dict[str, list[Row]]] = {}
    for row in rows:
        if "failed" not in row:
            group = found.setdefault((row["posterior"], row["chains"]), {})
            group.setdefault(row["sampler"], []).append(row)

    return dict(sorted(found.items()))


def sampler_table(rows: Sequence[Row]) -> Table:
    """Return a line for each posterior, number of chains and sampler."""
    lines = []
    for (posterior, chains), by_sampler in groups(rows).items():
        for sampler, runs in by_sampler.items():
            worst = [run["rhat"] for run in runs if run["rhat"] is not None]
            above = sum(rhat > WORST_RHAT for rhat in worst)
            thousands = statistics.median(run["warmup_gradients"] for run in runs) / 1e3
            line = [posterior, str(chains), sampler, str(len(runs))]
            line += [f"{above} of {len(worst)}", _median(worst)]
            for name in ("least_per_1000", "median_per_1000", *NUMBERS[:2]):
                line.append(str(mean_of(runs, name)))
            line += [
                _median([run["microseconds"] for run in runs]),
                f"{thousands:.0f} k",
            ]
            lines.append(tuple(line))

    return Table(COLUMNS, lines)


def ratio_table(rows: Sequence[Row]) -> Table:
    """Return the best of ours over the best of the others, for each posterior and chains."""
    lines = []
    for (posterior, chains), by_sampler in groups(rows).items():
        for name in NUMBERS:
            means = {who: mean_of(runs, name) for who, runs in by_sampler.items()}
            ours = {who: mean for who, mean in means.items() if who.startswith("ours")}
            others = {who: mean for who, mean in means.items() if who not in ours}
            if not ours or not others:
                continue

            best = max(ours, key=lambda who: ours[who].log)
            peer = max(others, key=lambda who: others[who].log)
            log = ours[best].log - others[peer].log
            error = math.hypot(ours[best].error, others[peer].error)
            line = (posterior, str(chains), name.replace("_", " "), best, peer)
            lines.append((*line, f"{math.exp(log):.2f}", f"{log:.2f} ± {error:.2f}"))

    return Table(RATIO_COLUMNS, lines)


def _median(values: Sequence[float]) -> str:
    """Return a median as text; a dash for no values."""
    return f"{statistics.median(values):.4g}" if values else "-"
