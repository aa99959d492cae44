"""Accuracy of a posterior and of MAP over the fraction of weights dropped, with a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from zoo.datasets import Split
from zoo.experiments.running.run import Run
from zoo.posterior.posterior import Posterior
from zoo.pruning import curve, density_at_zero, magnitude, signal_to_noise

_OF_POSTERIOR = {
    "density at zero": density_at_zero,
    "signal to noise": signal_to_noise,
}
RULES = _OF_POSTERIOR | {"magnitude": magnitude}
_RULES_OF = {"posterior": _OF_POSTERIOR, "MAP": {"magnitude": magnitude}}
_FRACTIONS = (0.0, 0.5, 0.72, 0.82, 0.9, 0.93, 0.96, 0.98)
_NUM_DATA = 1_000


def choose_data(test: Split) -> Split:
    """Return 1,000 test data, chosen at random because they may be sorted by class."""
    x, y = test
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(x), generator=generator)
    rows = order[:_NUM_DATA]

    return Split(x[rows], y[rows])


def measure_curves(
    run: Run,
    fits: Mapping[str, Posterior],
    data: Split,
    num_samples: Mapping[str, int],
) -> dict[str, Sequence[float]]:
    """Tabulate scores by fit, rule and fraction; return the accuracies by fit and rule.

    Arguments:
        run: The run.
        fits: The fits "posterior" and "MAP".
        data: The data on which they are scored.
        num_samples: Number of draws of each fit.
    """
    rows = []
    accuracies = {}
    for name, posterior in fits.items():
        curves = curve(
            posterior,
            data,
            rules=_RULES_OF[name],
            fractions=_FRACTIONS,
            num_samples=num_samples[name],
            progress=run.progress,
        )

        for row in curves.table.to_dicts():
            rule = f"{name}, {row['rule']}"
            rows.append(row | {"rule": rule})

        for rule, scores in curves.scores.items():
            accuracies[f"{name}, {rule}"] = scores["accuracy"]

    run.report.tabulate("curve", rows)

    return accuracies


def draw_curves(
    run: Run,
    title: str,
    accuracies: Mapping[str, Sequence[float]],
    published: Mapping[float, float],
) -> None:
    """Draw the accuracy over the fraction dropped.

    Arguments:
        run: The run, whose report gets the figure.
        title: The title of the figure.
        accuracies: Accuracies by fit and rule.
        published: The published accuracy by the fraction dropped.
    """
    from zoo import plots

    percent = [100 * fraction for fraction in published]
    values = list(published.values())

    with run.report.panels(title=title) as axes:
        ax = axes[0, 0]
        plots.pruning(_FRACTIONS, accuracies, ax=ax)
        ax.plot(percent, values, "k^", label="published, another network")
        ax.legend(
            frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2
        )
