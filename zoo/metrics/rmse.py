"""Root mean squared error of predictive means."""

from __future__ import annotations

from torch import Tensor

from zoo.metrics.validation import cast_like, checked
from zoo.runtime.torchvision_shim import load_torchmetrics


def rmse(mean: Tensor, y: Tensor) -> Tensor:
    r"""Root mean squared error of the predictive mean, in the units of y.

    .. math:: \Big( \frac{1}{NO} \sum_{n,o} (\text{mean}_{no} - y_{no})^2 \Big)^{1/2}

    References:
        Probabilistic Backpropagation for Scalable Learning of Bayesian Neural Networks
        (Hernández-Lobato and Adams, 2015), section 5.2

    Arguments:
        mean: Predictive means, averaged over draws, (N, O).
        y: Targets of the same shape and in the same units, (N, O).

    Raises:
        ValueError: The shapes differ, or there are NaNs. (N,) with (N, 1) is refused,
            for broadcasting would compare every point with every other.

    Example:
        >>> import torch
        >>> from zoo import metrics
        >>> metrics.rmse(torch.tensor([[1.0], [2.0]]), torch.tensor([[1.0], [4.0]]))
        tensor(1.4142)
    """
    predicted, measured = checked(mean=mean, y=y)
    predicted = predicted.reshape(-1)
    measured = measured.reshape(-1)
    load_torchmetrics()
    from torchmetrics.functional.regression import mean_squared_error

    error = mean_squared_error(predicted, measured, squared=False)
    return cast_like(error, mean)
