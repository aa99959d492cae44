"""Metrics: functions of tensors that return one number, computed in float64 on the CPU."""

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
