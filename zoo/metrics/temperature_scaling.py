"""Temperature scaling: one number that makes a classifier as sure as it ought to be."""

import torch
from torch import Tensor

from zoo.metrics.validation import classification, like, numbers

COLDEST, HOTTEST = 1e-4, 1e4


def temperature_scaling(logits: Tensor, y: Tensor) -> Tensor:
    r"""Temperature that minimises the negative log likelihood of held-out points; the classical rival of Bayes.

    .. math:: T = \arg\min_T - \sum_n \log \text{softmax}(\text{logits}_n / T)_{y_n}

    The objective is convex in 1/T, so the root of its slope is found by bisection.
    Predictions are then `(logits / T).softmax(-1)`; the predicted class, and with it
    the error, stays what it was. It must be fitted to data on which the network was not
    trained. A mixture over draws has the logarithm of its probabilities as logits.

    References:
        On Calibration of Modern Neural Networks (Guo et al., 2017), arxiv.org/abs/1706.04599

    Arguments:
        logits: Unnormalised log probabilities, (N, O).
        y: Class indices, (N,).

    Raises:
        ValueError: The shapes do not fit or hold NaNs; no temperature is best, since
            all labels have the greatest logit (the colder the better) or the logits say
            less than nothing (the hotter the better).

    Example:
        >>> from zoo import metrics
        >>> metrics.temperature_scaling(torch.tensor([[4.0, 0.0], [4.0, 0.0], [4.0, 0.0]]), torch.tensor([0, 0, 1]))
        tensor(5.7708)
    """
    (z,) = numbers(logits=logits)
    if z.ndim != 2:
        raise ValueError(
            f"logits has shape {tuple(z.shape)}; write (N, O), for draws the log of averaged probabilities"
        )
    if not torch.isfinite(z).all():
        raise ValueError(
            "logits hold infinite values; clamp probabilities before taking their logarithm"
        )
    y = classification(z.softmax(-1), y).y
    z = z - z.max(-1, keepdim=True).values
    own = z.gather(-1, y.unsqueeze(-1)).squeeze(-1)

    def slope(temperature: Tensor) -> Tensor:
        return (
            ((z / temperature).softmax(-1) * z).sum(-1) - own
        ).mean()  # d NLL / d (1 / T)

    low, high = (
        torch.tensor(end, dtype=torch.float64).log() for end in (COLDEST, HOTTEST)
    )
    if slope(low.exp()) <= 0:
        raise ValueError(
            f"every one of {len(y)} labels has the greatest logit: colder is always better; give more data"
        )
    if slope(high.exp()) >= 0:
        raise ValueError(
            "the logits say no more of the labels than chance would: hotter is always better"
        )
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle.exp()) > 0 else (low, middle)
    return like(((low + high) / 2).exp(), logits)
