"""The mean of any value of a datum, such as its error or its uncertainty, in each class."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from zoo.metrics.validation import cast_like, checked


class ByClass(NamedTuple):
    """The mean of a value in each class, with its standard error.

    Arguments:
        mean: Mean over the data of each class, (O,); NaN without data.
        error: Standard error of each mean, (O,); NaN for fewer than two data.
        number: Number of data of each class, (O,), int64.

    Example:
        >>> mean, number = torch.tensor([0.1, 0.5]), torch.tensor([90, 10])
        >>> ByClass(mean, error=torch.tensor([0.03, 0.04]), number=number).balanced  # not 0.14
        tensor(0.3000)
    """

    mean: Tensor
    error: Tensor
    number: Tensor

    @property
    def balanced(self) -> Tensor:
        """The mean over classes that have data, each with the same weight."""
        return self.mean.nanmean()

    @property
    def balanced_error(self) -> Tensor:
        """The standard error of `balanced`, of the classes with two data or more."""
        variance = self.error.square().nansum()
        num_classes = (self.number > 0).sum()

        return variance.sqrt() / num_classes


def by_class(values: Tensor, y: Tensor, num_classes: int | None = None) -> ByClass:
    r"""Average a value over the data of each class: an error, a NLL, an uncertainty.

    .. math:: m_c = \frac{1}{|I_c|} \sum_{n \in I_c} v_n, \qquad I_c = \{ n : y_n = c \}

    The mean of m_c over classes is the balanced value: every class counts the same,
    whatever its size.

    References:
        The Balanced Accuracy and Its Posterior Distribution (Brodersen, Ong, Stephan,
        Buhmann, 2010)

    Arguments:
        values: One value for each datum, (N,): numbers or booleans.
        y: Class indices, (N,).
        num_classes: Number of classes O, by default one more than the largest index.

    Raises:
        ValueError: Other shapes, NaNs, or labels that are no class indices.

    Example:
        >>> import torch
        >>> from zoo import metrics
        >>> is_wrong = torch.tensor([True, False, False, False, True])
        >>> found = metrics.by_class(is_wrong, torch.tensor([0, 0, 0, 0, 1]))
        >>> found.mean, found.balanced
        (tensor([0.2500, 1.0000]), tensor(0.6250))
    """
    of_data, labels = checked(values=values, y=y)
    index = labels.long()
    is_index = bool(((labels == index) & (labels >= 0)).all())
    if labels.ndim != 1 or not is_index:
        raise ValueError(
            f"y of shape {tuple(y.shape)} must be class indices (N,) from 0, one for each value; "
            "write y.argmax(-1) for one-hot labels"
        )

    greatest = int(index.max())
    if num_classes is None:
        num_classes = greatest + 1
    if greatest >= num_classes:
        raise ValueError(
            f"y holds {greatest}, but num_classes={num_classes}; write {greatest + 1} or more"
        )

    number = index.bincount(minlength=num_classes)
    mean = index.bincount(of_data, num_classes) / number
    squares = index.bincount((of_data - mean[index]).square(), num_classes)
    error = (squares / (number - 1) / number).sqrt()
    error = torch.where(number > 1, error, torch.nan)

    return ByClass(
        mean=cast_like(mean, values),
        error=cast_like(error, values),
        number=number.to(values.device),
    )
