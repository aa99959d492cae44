"""The UCI table: our scores with the published ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from zoo.reports.table import Table

PUBLISHED = {  # RMSE and log likelihood, each mean and standard error over the splits
    "MCDropout": {  # the paper's table, then the authors' grid search of 2018
        "boston": ((2.97, 0.19, -2.46, 0.06), (2.9036, 0.1768, -2.4019, 0.0417)),
        "concrete": ((5.23, 0.12, -3.04, 0.02), (4.8265, 0.1605, -2.9367, 0.0248)),
        "energy": ((1.66, 0.04, -1.99, 0.02), (0.5389, 0.0135, -1.2115, 0.0053)),
        "wine": ((0.62, 0.01, -0.93, 0.01), (0.6218, 0.0080, -0.9281, 0.0127)),
        "yacht": ((1.11, 0.09, -1.55, 0.03), (0.6663, 0.0486, -1.2501, 0.0153)),
    },
    "DeepEnsemble": {  # the paper gives standard deviations: divided by the root of 20 here
        "boston": ((3.28, 1.00 / 20**0.5, -2.41, 0.25 / 20**0.5),),
        "concrete": ((6.03, 0.58 / 20**0.5, -3.06, 0.18 / 20**0.5),),
        "energy": ((2.09, 0.29 / 20**0.5, -1.38, 0.22 / 20**0.5),),
        "wine": ((0.64, 0.04 / 20**0.5, -0.94, 0.12 / 20**0.5),),
        "yacht": ((1.58, 0.48 / 20**0.5, -1.18, 0.21 / 20**0.5),),
    },
}


def summary(results: Mapping[str, dict]) -> Table:
    """Return mean and standard error of each score, with the published ones.

    "better by" is the distance in standard errors of the difference.
    """
    columns = (
        "method",
        "data",
        "score",
        "ours",
        "paper",
        "better by (s.e.)",
        "grid 2018",
        "better by (s.e.) ",
    )
    lines = []
    for key, result in results.items():
        method, name = key.split(" ")
        for score in ("rmse", "log_lik"):
            values = [row[score] for row in result["rows"]]
            published = PUBLISHED[method][name]
            lines.append((method, name, score, *cells_of(score, values, published)))

    return Table(columns, lines)


def cells_of(
    score: str, values: Sequence[float], published: Sequence[tuple[float, ...]]
) -> list[str]:
    """Return the cells of our score and of two published ones.

    Arguments:
        score: "rmse" or "log_lik".
        values: Our scores of the splits.
        published: Means and standard errors of rmse and log likelihood, of one source or
            two.
    """
    ours = torch.tensor(values, dtype=torch.float64)
    mean = float(ours.mean())
    error = float(ours.std() / len(ours) ** 0.5)

    cells = [f"{mean:.3f} ± {error:.3f}"]
    for rmse, rmse_error, log_lik, log_lik_error in published:
        if score == "rmse":
            theirs, their_error = rmse, rmse_error
            difference = theirs - mean
        else:
            theirs, their_error = log_lik, log_lik_error
            difference = mean - theirs
        better = difference / (error**2 + their_error**2) ** 0.5
        cells += [f"{theirs:.3f} ± {their_error:.3f}", f"{better:+.1f}"]

    missing = 2 - len(published)
    return cells + ["", ""] * missing
