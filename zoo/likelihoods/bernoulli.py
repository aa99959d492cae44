"""Bernoulli likelihood: the network gives one logit for each binary target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import pyro.distributions as dist
from torch import Tensor

from zoo.likelihoods.likelihood import Likelihood
from zoo.likelihoods.missing import check_missing
from zoo.likelihoods.observed import Observed


class Bernoulli(Likelihood):
    r"""Binary classification from logits; outputs and targets have one shape, e.g. (N, 1).

    .. math:: p(y = 1 | f) = 1 / (1 + e^{-f})

    References:
        The regression analysis of binary sequences (Cox, 1958)

    Arguments:
        missing: "nan" if targets may be NaN, which are left out element by element.

    Example:
        >>> Bernoulli().distribution(torch.zeros(8, 1), {}).probs[0]
        tensor([0.5000])
    """

    target = "zeros and ones"
    discrete = True

    def __init__(self, missing: Literal["nan"] | None = None) -> None:
        check_missing(missing)
        self.missing = missing

    def distribution(
        self, output: Tensor, noise: Mapping[str, Tensor]
    ) -> dist.Bernoulli:
        """Return Bernoulli(logits=output)."""
        return dist.Bernoulli(logits=output)

    def check(self, output: Tensor, y: Tensor | Observed) -> None:
        """Refuse targets that are no zeros and ones, or classes of several outputs."""
        targets = Observed.of(y).y
        has_several = output.dim() > 1 and output.shape[-1] > 1
        if targets is not None and has_several and targets.shape == output.shape[:-1]:
            raise ValueError(
                f"the network has {output.shape[-1]} outputs, but under Bernoulli() one for each "
                "binary target; build it with 1 output, or use likelihoods.Categorical()"
            )
        super().check(output, y)

    def _describe_target(self, distribution: dist.Bernoulli, y: Tensor) -> str:
        """Return what a target is, and how usual labels become one."""
        values = set(y.unique().tolist())
        if values <= {1, 2}:
            return f"{self.target}; write y - 1"
        if values <= {-1, 1}:
            return f"{self.target}; write (y + 1) / 2"

        return self.target

    def __repr__(self) -> str:
        missing = f"missing={self.missing!r}" if self.missing else ""
        return f"Bernoulli({missing})"
