"""What a sequence of tasks leaves: average accuracy, backward transfer and forgetting."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.metrics.validation import cast_like


def average_accuracy(matrix: Tensor) -> Tensor:
    r"""Accuracy after the last task, averaged over all tasks.

    .. math:: A_T = \frac{1}{T} \sum_{j=1}^T R_{Tj}

    References:
        Gradient Episodic Memory for Continual Learning (Lopez-Paz, Ranzato, 2017)

    Arguments:
        matrix: Accuracies R after learning task i, on the test data of task j, (*, T, T).
            The upper part, of tasks not yet learned, may be NaN.

    Raises:
        ValueError: A matrix of another shape, or a NaN in the lower part.

    Example:
        >>> nan = float("nan")
        >>> R = torch.tensor([[0.9, nan, nan], [0.8, 0.9, nan], [0.5, 0.7, 0.9]])
        >>> metrics.average_accuracy(R)
        tensor(0.7000)
    """
    values = _checked(matrix, least=1)
    mean = values[..., -1, :].mean(-1)

    return cast_like(mean, matrix)


def backward_transfer(matrix: Tensor) -> Tensor:
    r"""Accuracy that earlier tasks have gained since they were learned; below 0 if they lost.

    .. math:: \text{BWT} = \frac{1}{T - 1} \sum_{j=1}^{T-1} R_{Tj} - R_{jj}

    References:
        Gradient Episodic Memory for Continual Learning (Lopez-Paz, Ranzato, 2017)

    Arguments:
        matrix: Accuracies R after learning task i, on the test data of task j, (*, T, T).
            The upper part, of tasks not yet learned, may be NaN.

    Raises:
        ValueError: A matrix of another shape, of one task, or a NaN in the lower part.

    Example:
        >>> nan = float("nan")
        >>> R = torch.tensor([[0.9, nan, nan], [0.8, 0.9, nan], [0.5, 0.7, 0.9]])
        >>> metrics.backward_transfer(R)
        tensor(-0.3000)
    """
    values = _checked(matrix, least=2)
    learned = values.diagonal(dim1=-2, dim2=-1)
    gains = values[..., -1, :-1] - learned[..., :-1]

    return cast_like(gains.mean(-1), matrix)


def forgetting(matrix: Tensor) -> Tensor:
    r"""Accuracy that earlier tasks have lost since they were best.

    .. math:: F_T = \frac{1}{T - 1} \sum_{j=1}^{T-1} \max_{j \le i < T} R_{ij} - R_{Tj}

    References:
        Riemannian Walk for Incremental Learning: Understanding Forgetting and Intransigence
        (Chaudhry, Dokania, Ajanthan, Torr, 2018)

    Arguments:
        matrix: Accuracies R after learning task i, on the test data of task j, (*, T, T).
            The upper part, of tasks not yet learned, may be NaN; it is not used.

    Raises:
        ValueError: A matrix of another shape, of one task, or a NaN in the lower part.

    Example:
        >>> nan = float("nan")
        >>> R = torch.tensor([[0.8, nan, nan], [0.9, 0.9, nan], [0.5, 0.7, 0.9]])
        >>> metrics.forgetting(R)
        tensor(0.3000)
    """
    values = _checked(matrix, least=2)
    unlearned = torch.ones_like(values, dtype=torch.bool).triu(1)
    before = values.masked_fill(unlearned, -torch.inf)[..., :-1, :-1]
    losses = before.amax(-2) - values[..., -1, :-1]

    return cast_like(losses.mean(-1), matrix)


def _checked(matrix: Tensor, *, least: int) -> Tensor:
    """Return a matrix of accuracies in float64 on the CPU.

    Arguments:
        matrix: The matrix, (*, T, T).
        least: The least number of tasks.
    """
    shape = tuple(matrix.shape)
    if len(shape) < 2 or shape[-1] != shape[-2] or shape[-1] < least:
        raise ValueError(
            f"matrix has shape {shape}; write (T, T), the accuracy after each task in a row, of "
            f"at least {least} task(s)"
        )

    values = matrix.detach().to("cpu", torch.float64)
    if values.tril().isnan().any():
        raise ValueError(
            "matrix has NaN(s) on or below its diagonal; write the accuracy after each task on "
            "all tasks so far"
        )

    return values
