"""Categorical likelihood: the network gives logits of O classes."""

from __future__ import annotations

from collections.abc import Mapping

import pyro.distributions as dist
from torch import Tensor

from zoo.likelihoods.likelihood import Likelihood
from zoo.likelihoods.observed import Observed


class Categorical(Likelihood):
    r"""Classification: one of O classes, from the O logits that the network returns.

    .. math:: p(y = c | f) = e^{f_c} / \textstyle\sum_o e^{f_o}

    References:
        Probabilistic interpretation of feedforward classification network outputs (Bridle, 1990)

    Arguments:
        ignore_index: Label of the targets that are left out, -100 as in torch; None if
            every target has a class.

    Example:
        >>> Categorical().distribution(torch.zeros(8, 10), {}).probs[0, 0]
        tensor(0.1000)
    """

    target = "class indices 0 .. O - 1"
    discrete = True

    def __init__(self, ignore_index: int | None = -100) -> None:
        self.ignore_index = ignore_index

    def distribution(
        self, output: Tensor, noise: Mapping[str, Tensor]
    ) -> dist.Categorical:
        """Return Categorical(logits=output)."""
        return dist.Categorical(logits=output)

    def encode(self, y: Tensor, like: Tensor) -> Tensor:
        """Return class indices as int64."""
        return y.long()

    def is_observed(self, y: Tensor) -> Tensor | None:
        """Return which labels are not those to ignore, (N, ...)."""
        if self.ignore_index is None:
            return None

        return y.long() != self.ignore_index

    def check(self, output: Tensor, y: Tensor | Observed) -> None:
        """Refuse labels that are not class indices."""
        labels = Observed.of(y).y
        if labels is not None and (labels.is_floating_point() or labels.is_complex()):
            raise ValueError(
                f"labels must be integers, the class indices, not {labels.dtype}; write y.long()"
            )
        super().check(output, y)

    def __repr__(self) -> str:
        has_default = self.ignore_index == -100
        ignored = "" if has_default else f"ignore_index={self.ignore_index}"
        return f"Categorical({ignored})"
