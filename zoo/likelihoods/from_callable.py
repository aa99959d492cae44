"""A likelihood from any Pyro distribution: a callable makes it from the network's output."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

from zoo.likelihoods.likelihood import Likelihood
from zoo.likelihoods.missing import check_missing


class From(Likelihood):
    r"""Any Pyro distribution of the output: for counts, durations, angles and so on.

    .. math:: y \sim D(f(x))

    References:
        Generalized Linear Models (McCullagh, Nelder, 1989)

    Arguments:
        make: Makes a distribution from outputs (*, N, O). Its batch shape is the shape
            of y, (*, N, ...). The callable must work on the last dimensions, because
            draws may come first, (S, N, O).
        missing: "nan" if targets may be NaN, which are left out element by element.

    Example:
        >>> likelihood = From(lambda f: dist.Poisson(f.exp()))
        >>> likelihood.distribution(torch.zeros(8, 1), {}).rate.shape
        torch.Size([8, 1])
    """

    target = "values in the support of the distribution"

    def __init__(
        self,
        make: Callable[[Tensor], TorchDistributionMixin],
        missing: Literal["nan"] | None = None,
    ) -> None:
        check_missing(missing)
        self.make = make
        self.missing = missing

    def distribution(
        self, output: Tensor, noise: Mapping[str, Tensor]
    ) -> TorchDistributionMixin:
        """Return the distribution that the callable makes."""
        return self.make(output)

    def _describe_target(self, distribution: TorchDistributionMixin, y: Tensor) -> str:
        """Return what a target is, with the name of the distribution."""
        return f"values in the support of {type(distribution).__name__}"

    def __repr__(self) -> str:
        name = getattr(self.make, "__name__", self.make)
        return f"From({name})"
