"""Metrics: functions of tensors that return one number, computed in float64 on the CPU."""

from typing import TYPE_CHECKING, NoReturn

from zoo.metrics.accuracy import accuracy
from zoo.metrics.auroc import auroc
from zoo.metrics.balanced_accuracy import balanced_accuracy
from zoo.metrics.border_profile import BorderProfile, border_profile
from zoo.metrics.brier import brier
from zoo.metrics.by_class import ByClass, by_class
from zoo.metrics.calibration import Reliability, calibration_error, reliability
from zoo.metrics.confusion import confusion
from zoo.metrics.continual import average_accuracy, backward_transfer, forgetting
from zoo.metrics.coverage import coverage
from zoo.metrics.mean_iou import mean_iou, mean_iou_of_kept
from zoo.metrics.nll import nll
from zoo.metrics.psnr import psnr, ssim
from zoo.metrics.rmse import rmse
from zoo.metrics.sparsification import Sparsification, sparsification
from zoo.metrics.temperature_scaling import temperature_scaling
from zoo.metrics.variance_split import VarianceSplit, variance_split
from zoo.runtime.other_names import missing

__all__ = [
    "BorderProfile",
    "ByClass",
    "Reliability",
    "Sparsification",
    "VarianceSplit",
    "accuracy",
    "auroc",
    "average_accuracy",
    "backward_transfer",
    "balanced_accuracy",
    "border_profile",
    "brier",
    "by_class",
    "calibration_error",
    "confusion",
    "coverage",
    "forgetting",
    "mean_iou",
    "mean_iou_of_kept",
    "nll",
    "psnr",
    "reliability",
    "rmse",
    "sparsification",
    "ssim",
    "temperature_scaling",
    "variance_split",
]

_OTHER_NAMES = {
    "class_accuracy": "metrics.balanced_accuracy(probs, y)",
    "confusion_matrix": "metrics.confusion(probs, y)",
    "iou": "metrics.mean_iou(probs, y)",
    "jaccard_index": "metrics.mean_iou(probs, y)",
    "bwt": "metrics.backward_transfer(R)",
    "ece": "metrics.calibration_error(probs, y)",
    "expected_calibration_error": "metrics.calibration_error(probs, y)",
    "ause": "metrics.sparsification(error, uncertainty).area",
    "peak_signal_noise_ratio": "metrics.psnr(mean, y, data_range=255)",
    "structural_similarity": "metrics.ssim(mean, y, data_range=255)",
    "brier_score": "metrics.brier(probs, y)",
    "negative_log_likelihood": "metrics.nll(prediction.log_prob(y))",
    "roc_auc": "metrics.auroc(scores, positive)",
    "auc": "metrics.auroc(scores, positive)",
}

if not TYPE_CHECKING:  # so that a type checker still finds a wrong name

    def __getattr__(name: str) -> NoReturn:
        """Raise an error that says what to write instead of a wrong name."""
        raise missing(__name__, name, __all__, _OTHER_NAMES)


def __dir__() -> list[str]:
    """Return the public names."""
    return list(__all__)
