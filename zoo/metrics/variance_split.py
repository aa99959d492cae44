"""Split of the variance of a class into epistemic and aleatoric uncertainty."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from zoo.metrics.validation import cast_like, checked


class VarianceSplit(NamedTuple):
    """The trace of the covariance of a class in one-hot form, in two parts.

    Arguments:
        epistemic: Variance of the class probabilities between draws, (N,).
        aleatoric: Variance of the class under each draw, averaged over draws, (N,).
    """

    epistemic: Tensor
    aleatoric: Tensor


def variance_split(probs: Tensor) -> VarianceSplit:
    r"""Split the variance of a class, coded one-hot, into epistemic and aleatoric variance.

    .. math::
        \underbrace{\tfrac1S \sum_s \operatorname{tr} (p_s - \bar p)(p_s - \bar p)^T}
        _\text{epistemic} +
        \underbrace{\tfrac1S \sum_s \operatorname{tr} [\operatorname{diag}(p_s) - p_s p_s^T]}
        _\text{aleatoric} = 1 - |\bar p|^2

    Both lie between 0 and 1 - 1/O. The split in nats is `prediction.epistemic` and
    `prediction.aleatoric`.

    References:
        Uncertainty quantification using Bayesian neural networks in classification: Application
        to biomedical image segmentation (Kwon, Won, Kim, Paik, 2020)

    Arguments:
        probs: Class probabilities of every draw, (S, N, O): `prediction.functions`.

    Raises:
        ValueError: Another shape, values that are no probabilities, or NaNs.

    Example:
        >>> import torch
        >>> from zoo import metrics
        >>> probs = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])  # two draws that disagree
        >>> metrics.variance_split(probs)
        VarianceSplit(epistemic=tensor([0.5000]), aleatoric=tensor([0.]))
    """
    (values,) = checked(probs=probs)
    if values.ndim != 3 or values.shape[-1] < 2:
        raise ValueError(
            f"probs has shape {tuple(values.shape)}; write (S, N, O), the probabilities of "
            "two classes or more for every draw, as prediction.functions is"
        )

    errors = (values.sum(-1) - 1).abs()
    if values.min() < -1e-3 or errors.max() > 1e-3:
        raise ValueError(
            "probs must be probabilities that sum to one over classes; write logits.softmax(-1)"
        )

    mean = values.mean(0)
    between = (values - mean).square().sum(-1)  # (S, N)
    within = (values - values.square()).sum(-1)  # (S, N)
    return VarianceSplit(
        epistemic=cast_like(between.mean(0), probs),
        aleatoric=cast_like(within.mean(0), probs),
    )
