"""The loss of one of several parts of a batch, such that the parts' losses have the right sum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pyro.poutine.messenger import Messenger
from torch import Tensor

from zoo.inference.svi.objective import BatchLoss
from zoo.likelihoods.observed import PREFIX, Observed
from zoo.runtime.rows import Rows


@dataclass(frozen=True)
class SharedLoss(BatchLoss):
    r"""The loss of one of K parts of a batch, with noise of its own.

    .. math:: L_r = -\frac{1}{N} \Big( \frac{N}{B} \sum_{i \in \text{part } r}
        E_q[\log p(y_i | z)] - \frac{1}{K} KL(q(z) \| p(z)) \Big), \quad
        L = \sum_{r=1}^K L_r

    B counts the rows of the whole batch. So the sum is the loss of the batch without bias,
    whatever the sizes of its parts, and a part without rows has its share of the
    divergence.

    Arguments:
        num_parts: Number of parts K.
    """

    num_parts: int = 1

    def __call__(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Return the loss of the part, and the gradient of each parameter.

        Arguments:
            tensors: Those of the rows of the part; and last K b / B, (), for a part of b
                rows that count.
        """
        *rows, weight = tensors
        with _OfTheData(weight):
            return super().__call__(*rows)

    def _loss(self, x: Rows, y: Tensor | Observed) -> Tensor:
        return super()._loss(x, y) / self.num_parts


class _OfTheData(Messenger):
    """Multiplies the log densities of the data by a number, and those of other sites not.

    The data are what stands in the plate of the likelihood.
    """

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = weight

    def _pyro_sample(self, msg: Any) -> None:
        for frame in msg["cond_indep_stack"]:
            if frame.name == f"{PREFIX}data":
                msg["scale"] = msg["scale"] * self.weight
