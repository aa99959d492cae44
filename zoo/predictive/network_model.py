"""The interface of a model whose network is evaluated over draws."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from torch import Tensor, nn

from zoo.priors.plan import Plan
from zoo.runtime.rows import Rows


class NetworkModel(Protocol):
    """A network whose tensors are given from outside, such as `zoo.BayesianNetwork`."""

    network: nn.Module
    plan: Plan
    whole: bool | None  # whether it must see all rows at once; None is not known

    @property
    def first_parameter(self) -> Tensor:
        """A tensor with the network's device and dtype."""
        ...

    def output(self, values: Mapping[str, Tensor], x: Rows) -> Tensor:
        """Return the network's output (B, ...) for given values of sites, points and buffers."""
        ...
