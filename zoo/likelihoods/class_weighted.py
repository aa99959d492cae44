"""Classes that count more or less than others in a fit: a power of each one's density."""

from __future__ import annotations

from collections.abc import Sequence

import pyro.distributions as dist
import torch
from torch import Tensor


class ClassWeighted(dist.Categorical):
    r"""A categorical whose log density is multiplied by a weight of the class.

    .. math:: w_y \log p(y)

    That is no density, as its sum over classes is not one.

    Arguments:
        logits: Logits (*, O).
        weight: Weight of each class, (O,).
    """

    def __init__(self, logits: Tensor, weight: Tensor) -> None:
        super().__init__(logits=logits, validate_args=False)
        self.weight = weight

    def expand(
        self, batch_shape: torch.Size, _instance: ClassWeighted | None = None
    ) -> ClassWeighted:
        """Return the distribution for a batch of this shape."""
        new = self._get_checked_instance(ClassWeighted, _instance)
        new.weight = self.weight

        return super().expand(batch_shape, _instance=new)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the weighted log density of class indices."""
        return self.weight[value] * super().log_prob(value)


def checked_class_weight(weight: Tensor | Sequence[float]) -> Tensor:
    """Return weights of classes as a tensor (O,).

    Raises:
        ValueError: Another shape, or weights that are negative, not finite, or all 0.
    """
    values = torch.as_tensor(weight).detach()
    if not values.is_floating_point():
        values = values.float()

    if values.dim() != 1:
        raise ValueError(
            "class_weight must have shape (O,), one weight for each class, not "
            f"{tuple(values.shape)}; weights of data are fit(data, weights=...)"
        )

    wrong = ~torch.isfinite(values) | (values < 0)
    if bool(wrong.any()) or not bool((values > 0).any()):
        raise ValueError(
            "class_weight must be finite, at least 0, and above 0 for one class, not "
            f"{in_words(values)}; write e.g. likelihoods.median_frequency(labels, num_classes)"
        )

    return values


def check_number(weight: Tensor | None, num_classes: int) -> None:
    """Refuse weights of another number of classes than the network has logits.

    Arguments:
        weight: Weights of classes, or None.
        num_classes: Number of classes O.
    """
    if weight is not None and len(weight) != num_classes:
        raise ValueError(
            f"class_weight has {len(weight)} weights, but the network has {num_classes} classes; "
            f"write likelihoods.median_frequency(labels, num_classes={num_classes})"
        )


def in_words(weight: Tensor) -> str:
    """Return weights with a few digits each."""
    digits = ", ".join(f"{value:.4g}" for value in weight.tolist())

    return f"[{digits}]"
