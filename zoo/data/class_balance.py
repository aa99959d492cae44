"""Classes of unequal size: weights of their data, and batches in which all are as frequent."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    TensorDataset,
    WeightedRandomSampler,
)

from zoo.runtime.counts import check_count


def class_weights(
    y: Tensor, beta: float = 1.0, num_classes: int | None = None
) -> Tensor:
    r"""Return a weight for the data of each class, larger for rare ones, (C,).

    .. math:: w_c \propto \frac{1 - \beta}{1 - \beta^{n_c}}, \quad \sum_c n_c w_c = N

    The weights of all data add up to N, so that a posterior believes in as many data as
    there are: `fit((x, y), weights=class_weights(y)[y])`. At beta = 1 a weight is inverse
    to the count of its class, at beta = 0 all are 1. The paper's weights add up to the
    number of classes instead, which makes the posterior of a long tail warmer.

    References:
        Class-Balanced Loss Based on Effective Number of Samples (Cui, Jia, Lin, Song,
        Belongie, 2019)

    Arguments:
        y: Class indices (N,).
        beta: 0 to 1; the paper has 0.9, 0.99, 0.999 and 0.9999.
        num_classes: Number of classes C, by default one more than the largest index. A
            class without data has the weight 0.

    Raises:
        ValueError: A beta outside [0, 1], or labels that are no class indices (N,).

    Example:
        >>> class_weights(torch.tensor([0, 0, 0, 1]))
        tensor([0.6667, 2.0000])
    """
    if not 0 <= beta <= 1:
        raise ValueError(f"beta must be between 0 and 1, not {beta}; write 0.999")

    counts = _counts(y, num_classes)
    effective = counts
    if beta < 1:
        effective = -torch.expm1(counts * math.log(beta or 1e-300)) / (1 - beta)

    weights = torch.where(counts > 0, 1 / effective.clamp(min=1e-300), 0.0)
    total = (counts * weights).sum()

    return (weights * counts.sum() / total).float()


def balanced_sampler(y: Tensor, beta: float = 1.0) -> WeightedRandomSampler:
    r"""Return a sampler with replacement that draws all classes equally often.

    .. math:: q_i = w_{y_i} / N, \qquad E\Big[\tfrac{N}{B} \sum_{i \in \text{batch}}
        \log p(y_i | f)\Big] = \sum_i w_{y_i} \log p(y_i | f)

    A pass gives as many data as there are. N is the size of the data set, whatever is
    drawn, so a fit has the same posterior as one with weights `class_weights(y)[y]`, with
    other noise in its gradients.

    References:
        Decoupling Representation and Classifier for Long-Tailed Recognition (Kang, Xie,
        Rohrbach, Yan, Gordo, Feng, Kalantidis, 2020)

    Arguments:
        y: Class indices (N,).
        beta: 1 for equally frequent classes, 0 for the frequencies of the data, as in
            `class_weights`.

    Raises:
        ValueError: A beta outside [0, 1], or labels that are no class indices (N,).

    Example:
        >>> len(balanced_sampler(torch.tensor([0, 0, 0, 1])))
        4
    """
    weights = class_weights(y, beta)[y.cpu()]

    return WeightedRandomSampler(weights.tolist(), len(y))


def balanced_loader(
    data: tuple[Tensor, Tensor], batch_size: int, beta: float = 1.0
) -> DataLoader:
    r"""Return batches drawn with replacement, in which classes are equally frequent.

    The batches have the rows of `balanced_sampler`, which other loaders may have too.

    Arguments:
        data: Inputs and class indices (N,), e.g. `data.train`.
        batch_size: Number of data B in a batch.
        beta: 1 for equally frequent classes, 0 for the frequencies of the data.

    Raises:
        ValueError: A beta outside [0, 1], or labels that are no class indices (N,).

    Example:
        >>> data = datasets.long_tailed(datasets.digits(), ratio=10)
        >>> _, y = next(iter(balanced_loader(data.train, 500)))
        >>> bool((y.bincount(minlength=10) > 25).all())
        True
    """
    check_count("batch_size", batch_size)
    x, y = data
    batches = BatchSampler(balanced_sampler(y, beta), batch_size, drop_last=False)

    return DataLoader(TensorDataset(x, y), sampler=batches, batch_size=None)


def _counts(y: Tensor, num_classes: int | None) -> Tensor:
    """Return the number of data of each class, (C,), float64.

    Raises:
        ValueError: Labels that are no class indices (N,).
    """
    is_index = y.dim() == 1 and not y.is_floating_point() and len(y) > 0
    if not is_index or bool((y < 0).any()):
        raise ValueError(
            f"y must be class indices (N,) from 0, not {y.dtype} of shape {tuple(y.shape)}; "
            "write y.argmax(-1) for one-hot labels"
        )

    return y.bincount(minlength=num_classes or 0).double()
