"""What acquisition functions share: a score for each datum, and the check of classes."""

from __future__ import annotations

from torch import Tensor

from zoo.predictive.prediction import Prediction


def per_datum(values: Tensor) -> Tensor:
    """Return the mean over the parts of each target, such as pixels: (N, ...) -> (N,).

    Arguments:
        values: A value for each part of each target, (N, ...).
    """
    return values.flatten(1).mean(1) if values.dim() > 1 else values


def check_classes(prediction: Prediction, name: str) -> None:
    """Refuse a prediction of other targets than classes.

    Arguments:
        prediction: The prediction.
        name: The name of the acquisition function.

    Raises:
        ValueError: The targets are no classes.
    """
    if not prediction.has_classes:
        raise ValueError(
            f"acquisition.{name} needs a prediction of classes, not one under "
            f"{prediction.likelihood!r}; for regression write prediction.epistemic, the variance "
            "of the function"
        )
