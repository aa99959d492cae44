"""Ordinal likelihood: classes with an order, from one score and learned cut points."""

from __future__ import annotations

from collections.abc import Mapping

import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor
from torch.nn.functional import logsigmoid

from zoo.likelihoods.categorical import Categorical
from zoo.likelihoods.observed import PREFIX, Observed

_FIRST = f"{PREFIX}first_cut"
_GAPS = f"{PREFIX}gaps"


class Ordinal(Categorical):
    r"""Ordinal regression: the network gives one score, and K - 1 cut points divide its axis.

    .. math:: p(y \le k | f) = 1 / (1 + e^{-(c_k - f)}), \quad
        c_0 \sim N(1 - K/2, 2^2), \quad c_k - c_{k-1} \sim \text{LogNormal}(0, 1)

    The cut points are inferred with the weights: their sites are `likelihood:first_cut`
    and `likelihood:gaps`. Outputs are (N, 1), labels (N,). Besides `probs` and `entropy`,
    predictions have quantiles, because the classes have an order. For fixed cut points
    write `From(lambda f: dist.OrderedLogistic(f, cuts))`.

    References:
        Regression Models for Ordinal Data (McCullagh, 1980)

    Arguments:
        num_classes: Number of classes K, at least 2.
        ignore_index: Label of the targets that are left out, -100 as in torch; None if
            every target has a class.

    Raises:
        ValueError: Fewer than two classes.

    Example:
        >>> likelihood = Ordinal(4)
        >>> sorted(likelihood.priors(torch.zeros(8, 1)))
        ['likelihood:first_cut', 'likelihood:gaps']
    """

    def __init__(self, num_classes: int, ignore_index: int | None = -100) -> None:
        super().__init__(dim=-1, ignore_index=ignore_index)
        if num_classes < 2:
            raise ValueError(f"num_classes must be at least 2, not {num_classes}")
        self.num_classes = num_classes

    def distribution(
        self, output: Tensor, noise: Mapping[str, Tensor]
    ) -> dist.Categorical:
        """Return the classes of a score, (*, N, 1), as a Categorical (*, N)."""
        if output.shape[-1] != 1:
            raise ValueError(
                f"under {self!r} the network gives one score for each datum, (N, 1), not outputs "
                f"of shape {tuple(output.shape)}; build it with 1 output"
            )

        above = self.cuts(noise) - output  # (*, N, K - 1)
        steps = above.diff(dim=-1)
        first = logsigmoid(above[..., :1])
        last = logsigmoid(-above[..., -1:])
        # log of sigmoid(b) - sigmoid(a), without cancellation
        between = logsigmoid(above[..., 1:]) + logsigmoid(-above[..., :-1])
        between = between + (-torch.expm1(-steps)).log()

        return dist.Categorical(logits=torch.cat([first, between, last], -1))

    def cuts(self, noise: Mapping[str, Tensor]) -> Tensor:
        """Return the cut points in ascending order, (*, K - 1).

        Arguments:
            noise: Values of the sites of `priors` by name.
        """
        first = noise[_FIRST]
        if self.num_classes == 2:
            return first.unsqueeze(-1) if first.dim() == 0 else first

        gaps = noise[_GAPS]  # (*, K - 2)
        if first.dim() < gaps.dim():
            first = first.unsqueeze(-1)

        return torch.cat([first, first + gaps.cumsum(-1)], -1)

    def priors(self, like: Tensor) -> dict[str, TorchDistributionMixin]:
        """Return the priors of the first cut point and of the distances between them."""
        number = self.num_classes - 2
        zero = like.new_zeros(())
        priors = {_FIRST: dist.Normal(zero - number / 2, 2.0)}
        if number > 0:
            gaps = dist.LogNormal(like.new_zeros(number), 1.0)
            priors[_GAPS] = gaps.to_event(1)

        return priors

    def has_order(self, distribution: TorchDistributionMixin) -> bool:
        """Return that the classes have an order."""
        return True

    def for_data(self, output: Tensor, y: Tensor | Observed) -> Ordinal:
        """Return the likelihood itself: the score is last."""
        return self

    def _describe_target(self, distribution: dist.Categorical, y: Tensor) -> str:
        """Return which indices there are."""
        return f"class indices 0 .. {self.num_classes - 1}"

    def __repr__(self) -> str:
        has_default = self.ignore_index == -100
        ignored = "" if has_default else f", ignore_index={self.ignore_index}"
        return f"Ordinal({self.num_classes}{ignored})"
