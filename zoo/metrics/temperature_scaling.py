"""Temperature scaling: one temperature that calibrates a trained classifier."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.metrics.validation import cast_like, checked, checked_classification

_LOWEST = 1e-4
_HIGHEST = 1e4
_BISECTIONS = 60


def temperature_scaling(logits: Tensor, y: Tensor) -> Tensor:
    r"""Temperature that minimises the negative log likelihood of held-out points.

    .. math:: T = \arg\min_T - \sum_n \log \text{softmax}(\text{logits}_n / T)_{y_n}

    The objective is convex in 1/T, so the root of its gradient is found by bisection.
    Predictions are then `(logits / T).softmax(-1)`; the predicted class, and with it
    the accuracy, does not change. Fit it to data on which the network was not trained.
    The logits of a mixture over draws are the logarithms of its probabilities. It is
    the classical alternative to a Bayesian network.

    References:
        On Calibration of Modern Neural Networks (Guo et al., 2017), arxiv.org/abs/1706.04599

    Arguments:
        logits: Unnormalised log probabilities, (N, O).
        y: Class indices, (N,).

    Raises:
        ValueError: The shapes do not fit or hold NaNs; no temperature is best, since
            all labels have the greatest logit (a lower one is always better) or the
            logits predict the labels worse than chance (a higher one is always better).

    Example:
        >>> from zoo import metrics
        >>> logits = torch.tensor([[4.0, 0.0], [4.0, 0.0], [4.0, 0.0]])
        >>> metrics.temperature_scaling(logits, torch.tensor([0, 0, 1]))
        tensor(5.7708)
    """
    values = _checked_logits(logits)
    labels = checked_classification(values.softmax(-1), y).y

    values = values - values.max(-1, keepdim=True).values
    of_labels = values.gather(-1, labels.unsqueeze(-1)).squeeze(-1)

    def gradient(temperature: Tensor) -> Tensor:
        """Return the derivative of the negative log likelihood by 1 / T."""
        probs = (values / temperature).softmax(-1)
        expected = (probs * values).sum(-1)
        return (expected - of_labels).mean()

    low = torch.tensor(_LOWEST, dtype=torch.float64).log()
    high = torch.tensor(_HIGHEST, dtype=torch.float64).log()
    if gradient(low.exp()) <= 0:
        raise ValueError(
            f"each of the {len(labels)} labels has the greatest logit, so no temperature is "
            "best: a lower one is always better; give more data"
        )
    if gradient(high.exp()) >= 0:
        raise ValueError(
            "the logits predict the labels no better than chance, so no temperature is best: "
            "a higher one is always better; train the network for longer"
        )

    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if gradient(middle.exp()) > 0:
            low = middle
        else:
            high = middle

    temperature = ((low + high) / 2).exp()
    return cast_like(temperature, logits)


def _checked_logits(logits: Tensor) -> Tensor:
    """Return logits (N, O) as float64 on the CPU, or refuse them."""
    (values,) = checked(logits=logits)
    if values.ndim != 2:
        raise ValueError(
            f"logits has shape {tuple(values.shape)}; write (N, O). "
            "For draws write the log of the averaged probabilities"
        )
    if not torch.isfinite(values).all():
        raise ValueError(
            "logits hold infinite values; clamp probabilities before taking their logarithm"
        )

    return values
