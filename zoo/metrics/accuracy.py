"""Share of labels that the predicted class hits."""

from torch import Tensor

from zoo.metrics.validation import classification, like
from zoo.runtime.torchvision_shim import load_torchmetrics


def accuracy(probs: Tensor, y: Tensor) -> Tensor:
    r"""Share of labels that the most probable class hits, between 0 and 1.

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
    checked = classification(probs, y)
    load_torchmetrics()
    from torchmetrics.functional.classification import multiclass_accuracy

    classes = checked.probs.argmax(-1)
    num_classes = checked.probs.shape[-1]
    return like(
        multiclass_accuracy(classes, checked.y, num_classes, average="micro"), probs
    )
