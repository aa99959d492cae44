"""The interface of priors: what `zoo.BayesianNetwork` asks of one."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import nn

from zoo.priors.plan import Plan


@runtime_checkable
class Prior(Protocol):
    """Says which tensors of a network are random, and how.

    `priors.WeightPrior` and `priors.NodePrior` are two; a class of your own needs `bind` alone.
    """

    def bind(self, network: nn.Module) -> Plan:
        """Return what becomes of each parameter of a network."""
        ...
