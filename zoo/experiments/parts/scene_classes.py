"""How the uncertainty of a class of pixels goes with its frequency and its accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from scipy.stats import spearmanr
from torch import Tensor

from zoo.experiments.parts.scene_cases import PixelCases, number_of
from zoo.experiments.running.run import Run


def report_classes(
    run: Run, name: str, cases: PixelCases, classes: Sequence[object], *, headline: bool
) -> None:
    """State rank correlations of classes and their epistemic uncertainty, and a table of classes.

    References:
        Bayesian SegNet: Model Uncertainty in Deep Convolutional Encoder-Decoder Architectures
        for Scene Understanding (Kendall, Badrinarayanan, Cipolla, 2017)

    Arguments:
        run: The run.
        name: The name of the posterior.
        cases: Its scores.
        classes: Names of the classes.
        headline: Whether the correlations are in the table of all experiments.
    """
    for what in ("frequency", "accuracy"):
        number = number_of(cases, partial(_rank_correlation, what=what))
        text = (
            f"rank correlation of epistemic uncertainty and {what} of a class, {name}"
        )
        run.report.find(text, number, "below 0", headline=headline)

    rows = []
    columns = {
        "pixels %": 100 * cases.frequency,
        "accuracy %": 100 * cases.accuracy,
        "IoU %": 100 * cases.iou,
        "epistemic": cases.mean_of_class("epistemic"),
        "total": cases.mean_of_class("total"),
    }
    for index, class_name in enumerate(classes):
        values = {key: round(float(value[index]), 3) for key, value in columns.items()}
        rows.append({"class": class_name, **values})

    run.report.tabulate(f"classes, {name}", rows)


def _rank_correlation(cases: PixelCases, what: str) -> float:
    """Return Spearman's correlation of a property of classes and their epistemic uncertainty."""
    values: Tensor = getattr(cases, what)
    nats = cases.mean_of_class("epistemic")
    has_pixels = nats.isfinite()

    return float(spearmanr(values[has_pixels], nats[has_pixels]).statistic)
