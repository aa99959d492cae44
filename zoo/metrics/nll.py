"""Negative log likelihood of held-out points."""

from __future__ import annotations

from torch import Tensor

from zoo.metrics.validation import cast_like, checked


def nll(log_prob: Tensor) -> Tensor:
    r"""Negative log predictive density, in nats per point; lower is better.

    .. math:: -\frac{1}{N} \sum_n \log p(y_n \mid x_n, \text{data})

    It is the density in the units of y: to divide y by a scale lowers it by log(scale).
    Compare values in original units,
    `data.in_original_units(prediction).log_prob(y)`.

    References:
        Strictly Proper Scoring Rules, Prediction, and Estimation (Gneiting and Raftery, 2007)

    Arguments:
        log_prob: Log predictive density of each point, the mixture over draws, (N,),
            nats. Log densities of single draws, (S, N), are refused: their average is
            not a predictive density.

    Raises:
        ValueError: The shape is not (N,), or there are NaNs.

    Example:
        >>> import torch
        >>> from zoo import metrics
        >>> metrics.nll(torch.tensor([-1.0, -2.0]))
        tensor(1.5000)
    """
    (values,) = checked(log_prob=log_prob)
    if values.ndim != 1:
        raise ValueError(
            f"log_prob has shape {tuple(values.shape)}; write (N,). For S draws (S, N) write "
            "log_prob.logsumexp(0) - math.log(S)"
        )

    return cast_like(-values.mean(), log_prob)
