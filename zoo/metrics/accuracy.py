"""Share of points whose predicted class is right."""

from __future__ import annotations

from torch import Tensor

from zoo.metrics.validation import cast_like, checked_classification
from zoo.runtime.torchvision_shim import load_torchmetrics


def accuracy(probs: Tensor, y: Tensor) -> Tensor:
    r"""Share of points whose most probable class is the label, between 0 and 1.

    .. math:: \frac{1}{N} \sum_n 1[\arg\max_k \text{probs}_{nk} = y_n]

    References:
        TorchMetrics: Measuring Reproducibility in PyTorch (Detlefsen et al., 2022), micro average

    Arguments:
        probs: Predictive probabilities, averaged over draws, (N, O); for a Bernoulli
            the probability of label 1, (N,) or (N, 1), where exactly 1/2 counts as
            label 0.
        y: Class indices, (N,); for a Bernoulli 0 or 1, (N,) or (N, 1).

    Raises:
        ValueError: probs are no probabilities, y no class indices, or the shapes do not
            fit.

    Example:
        >>> import torch
        >>> from zoo import metrics
        >>> metrics.accuracy(torch.tensor([[0.8, 0.2], [0.3, 0.7]]), torch.tensor([0, 0]))
        tensor(0.5000)
    """
    values, labels = checked_classification(probs, y)
    load_torchmetrics()
    from torchmetrics.functional.classification import multiclass_accuracy

    predicted = values.argmax(-1)
    num_classes = values.shape[-1]
    share = multiclass_accuracy(predicted, labels, num_classes, average="micro")
    return cast_like(share, probs)
