"""Mean over classes of the share of points whose predicted class is right."""

from __future__ import annotations

from torch import Tensor

from zoo.metrics.confusion import confusion, recall_of
from zoo.metrics.validation import cast_like


def balanced_accuracy(probs: Tensor, y: Tensor, ignore_index: int = -100) -> Tensor:
    r"""Accuracy in which every class counts the same, whatever its size, between 0 and 1.

    .. math:: \frac{1}{O} \sum_c \frac{1}{|I_c|} \sum_{n \in I_c}
        1[\arg\max_k \text{probs}_{nk} = c], \qquad I_c = \{ n : y_n = c \}

    Classes without points are left out of the mean. It is the mean of the classes'
    recalls, "class accuracy" in segmentation. `metrics.by_class` has each class, with
    standard errors.

    References:
        The Balanced Accuracy and Its Posterior Distribution (Brodersen, Ong, Stephan,
        Buhmann, 2010)

    Arguments:
        probs: Predictive probabilities, averaged over draws, (N, O) or (N, ..., O); for a
            Bernoulli the probability of label 1, (N,) or (N, 1).
        y: Class indices, (N,) or (N, ...); for a Bernoulli 0 or 1.
        ignore_index: Label of the data that are left out, besides -100.

    Raises:
        ValueError: probs are no probabilities, y no class indices, or the shapes do not
            fit.

    Example:
        >>> import torch
        >>> from zoo import metrics
        >>> probs = torch.tensor([[0.9, 0.1]] * 4)  # always class 0
        >>> metrics.balanced_accuracy(probs, torch.tensor([0, 0, 0, 1]))
        tensor(0.5000)
    """
    counts = confusion(probs, y, ignore_index).double()

    return cast_like(recall_of(counts).nanmean(), probs)
