"""A likelihood from any Pyro distribution: a callable turns the network's output into it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

from zoo.likelihoods.likelihood import Likelihood


class From(Likelihood):
    r"""Any Pyro distribution of the output: counts, times, circles.

    .. math:: y \sim D(f(x))

    References:
        Generalized Linear Models (McCullagh, Nelder, 1989)

    Arguments:
        make: Turns outputs (*, N, O) into a distribution whose batch shape is the shape
            of y, (*, N, ...). It must work on the last dimensions, so that draws may be
            stacked in front.

    Example:
        >>> likelihood = From(lambda f: dist.Poisson(f.exp()))
        >>> likelihood.distribution(torch.zeros(8, 1), {}).rate.shape
        torch.Size([8, 1])
    """

    target = "values in the support of the distribution"

    def __init__(self, make: Callable[[Tensor], TorchDistributionMixin]) -> None:
        self.make = make

    def distribution(
        self, output: Tensor, noise: Mapping[str, Tensor]
    ) -> TorchDistributionMixin:
        """Return the distribution that the callable makes."""
        return self.make(output)

    def check(self, output: Tensor, y: Tensor) -> None:
        """Refuse targets outside the support, naming the distribution."""
        made = self.make(output)
        self.target = f"values in the support of {type(made).__name__}"
        if made.event_shape:
            raise ValueError(
                f"a {type(made).__name__} is over events of shape {tuple(made.event_shape)}, but From needs a "
                "distribution of every number in y on its own"
            )
        super().check(output, y)

    def __repr__(self) -> str:
        return f"From({getattr(self.make, '__name__', self.make)})"
