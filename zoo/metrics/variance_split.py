"""Kwon's split of a class's variance into what the draws disagree about and what each of them leaves open."""

from typing import NamedTuple

from torch import Tensor

from zoo.metrics.validation import like, numbers


class VarianceSplit(NamedTuple):
    """The trace of the covariance of a class in one-hot form, in two parts.

    Arguments:
        epistemic: What the draws disagree about, (N,).
        aleatoric: What each draw leaves open, on average, (N,).
    """

    epistemic: Tensor
    aleatoric: Tensor


def variance_split(probs: Tensor) -> VarianceSplit:
    r"""Split the variance of a class, coded one-hot, into epistemic and aleatoric; the split in nats as a variance.

    .. math:: \underbrace{\tfrac1S \sum_s \operatorname{tr} (p_s - \bar p)(p_s - \bar p)^T}_\text{epistemic} +
        \underbrace{\tfrac1S \sum_s \operatorname{tr} [\operatorname{diag}(p_s) - p_s p_s^T]}_\text{aleatoric}
        = 1 - |\bar p|^2

    Both lie between 0 and 1 - 1/O. The split in nats is `prediction.epistemic` and
    `prediction.aleatoric`.

    References:
        Uncertainty quantification using Bayesian neural networks in classification: Application to biomedical image
        segmentation (Kwon, Won, Kim, Paik, 2020)

    Arguments:
        probs: Class probabilities of every draw, (S, N, O): `prediction.functions`.

    Raises:
        ValueError: Another shape, no probabilities, or NaNs.

    Example:
        >>> import torch
        >>> from zoo import metrics
        >>> metrics.variance_split(torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]]))  # sure, and of two minds
        VarianceSplit(epistemic=tensor([0.5000]), aleatoric=tensor([0.]))
    """
    (values,) = numbers(probs=probs)
    if values.ndim != 3 or values.shape[-1] < 2:
        raise ValueError(
            f"probs has shape {tuple(values.shape)}; write (S, N, O), the probabilities of two classes or more for "
            "every draw, as prediction.functions is"
        )
    if values.min() < -1e-3 or (values.sum(-1) - 1).abs().max() > 1e-3:
        raise ValueError(
            "probs holds no probabilities that sum to one over classes; write logits.softmax(-1)"
        )
    mean = values.mean(0)
    epistemic = (values - mean).square().sum(-1).mean(0)
    aleatoric = (values - values.square()).sum(-1).mean(0)
    return VarianceSplit(like(epistemic, probs), like(aleatoric, probs))
