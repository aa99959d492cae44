"""The table of a comparison: a row of scores for each posterior."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zoo.datasets import Dataset, Split
from zoo.diagnostics.fidelity import Fidelity
from zoo.posterior.posterior import Posterior
from zoo.reports.bounds import StatedBound
from zoo.reports.scores import accuracy_scores
from zoo.reports.table import Cell, Table

TRUTH = "truth"  # the name of the reference in tables and figures
_DIGITS = {
    "seconds": 1,
    "bound": 3,
    "bound error": 3,
    "coverage 90 %": 2,
    "mean error": 2,
    "spread ratio": 2,
    "wasserstein": 2,
}


def comparison_table(
    posteriors: Mapping[str, Posterior],
    fidelities: Mapping[str, Fidelity],
    data: Dataset,
    test: Split,
    num_samples: int,
) -> Table:
    """Return a table with a row of scores for each posterior.

    Arguments:
        posteriors: The posteriors by name, with the reference as "truth".
        fidelities: Scores of the others against the reference by name; the row of the
            reference has their floor.
        data: The data set, for its original units, and for the bound of each fit.
        test: Held-out inputs, with targets or None.
        num_samples: Draws for each prediction.
    """
    floor: dict[str, float] = {}
    if fidelities:
        first = next(iter(fidelities.values()))
        floor = first.floor

    rows = []
    for name, posterior in posteriors.items():
        scores: dict[str, float] = {}
        if test.y is not None:
            num_draws = num_draws_of(posterior, num_samples)
            prediction = posterior.predict(test.x, num_draws)
            scores = accuracy_scores(prediction, test.y, data)

        bound: dict[str, Cell] = {}
        if name != TRUTH:
            bound = StatedBound.of(posterior, data.train).cells()

        closeness = floor if name == TRUTH else fidelities[name].scores
        row: dict[str, Cell] = {"guide": name, **scores, **bound, **closeness}
        row.pop("coverage", None)

        info = posterior.info
        row["seconds"] = None if info is None else info.seconds
        rows.append(row)

    return _table(rows)


def num_draws_of(posterior: Posterior, num_samples: int) -> int:
    """Return the number of draws to predict with: at most as many as the posterior has."""
    return min(num_samples, posterior.num_samples or num_samples)


def _table(rows: Sequence[Mapping[str, Cell]]) -> Table:
    """Return a table whose columns are those of the last row."""
    columns = list(rows[-1])
    cells = []
    for row in rows:
        cells.append([row.get(column) for column in columns])

    headings = tuple(column.replace("_", " ") for column in columns)

    return Table(headings, cells, _DIGITS)
