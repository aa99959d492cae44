"""Metrics: functions of tensors that return one number, computed in float64 on the CPU."""

from typing import TYPE_CHECKING, NoReturn

from zoo.metrics.accuracy import accuracy
from zoo.metrics.auroc import auroc
from zoo.metrics.brier import brier
from zoo.metrics.calibration import Reliability, calibration_error, reliability
from zoo.metrics.coverage import coverage
from zoo.metrics.nll import nll
from zoo.metrics.rmse import rmse
from zoo.metrics.temperature_scaling import temperature_scaling
from zoo.metrics.variance_split import VarianceSplit, variance_split

__all__ = [
    "Reliability",
    "VarianceSplit",
    "accuracy",
    "auroc",
    "brier",
    "calibration_error",
    "coverage",
    "nll",
    "reliability",
    "rmse",
    "temperature_scaling",
    "variance_split",
]

_OTHER_NAMES = {
    "ece": "calibration_error(probs, y)",
    "expected_calibration_error": "calibration_error(probs, y)",
    "brier_score": "brier(probs, y)",
    "negative_log_likelihood": "nll(prediction.log_prob(y))",
    "roc_auc": "auroc(scores, positive)",
    "auc": "auroc(scores, positive)",
}

if not TYPE_CHECKING:  # so that a type checker still finds a wrong name

    def __getattr__(name: str) -> NoReturn:
        """Answer the name that a metric has elsewhere with its name here."""
        if name not in _OTHER_NAMES:
            raise AttributeError(f"module 'zoo.metrics' has no attribute {name!r}")

        raise AttributeError(
            f"zoo.metrics has no {name!r}; write metrics.{_OTHER_NAMES[name]}"
        )


def __dir__() -> list[str]:
    """Name the public parts alone."""
    return list(__all__)
