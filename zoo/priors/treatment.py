"""What a prior does with one tensor: a distribution makes it random, `Point` optimises it, `Frozen` leaves it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor, nn

from zoo.priors.conditional import Conditional
from zoo.runtime.distributions import describe


@dataclass(frozen=True)
class Point:
    r"""A point estimate: the tensor is optimised, with an optional MAP prior added to the log joint.

    References:
        Pattern Recognition and Machine Learning (Bishop, 2006), section 3.3

    Arguments:
        prior: Distribution whose log density is added at the estimate; none for maximum
            likelihood.

    Raises:
        TypeError: A prior that is no distribution.

    Example:
        >>> priors.WeightPrior(priors.all_but_normalisation(dist.Normal(0.0, 1.0), otherwise=priors.Point()))
        WeightPrior(all_but_normalisation(Normal(0, 1), otherwise=Point()))
    """

    prior: TorchDistributionMixin | None = None

    def __post_init__(self) -> None:
        if self.prior is not None and not isinstance(
            self.prior, TorchDistributionMixin
        ):
            raise TypeError(
                f"the MAP prior of a point estimate is a distribution, not {words(self.prior)}"
            )

    def __repr__(self) -> str:
        return f"Point({describe(self.prior)})" if self.prior is not None else "Point()"


@dataclass(frozen=True)
class Frozen:
    """The tensor keeps the value it has in the network.

    References:
        How transferable are features in deep neural networks? (Yosinski, Clune, Bengio, Lipson, 2014)

    Example:
        >>> priors.NodePrior(dist.Normal(1.0, 0.1), weights=priors.Frozen())
        NodePrior(Normal(1, 0.1), where='in', weights=Frozen())
    """

    def __repr__(self) -> str:
        return "Frozen()"


@dataclass(frozen=True)
class BySide:
    """Nodes whose prior differs between the input and the output of a layer: what `previous` gives them."""

    sides: Mapping[str, Treatment]


class Selection(Protocol):
    """A rule that must see the network before it can choose."""

    def bind(
        self, network: nn.Module, tensors: dict[str, Tensor]
    ) -> Callable[[str, Tensor], Rule]:
        """Return the choice for each of the named tensors; a selection that selects nothing raises."""


Treatment = TorchDistributionMixin | Conditional | Point | Frozen | BySide
Rule = Treatment | Selection | Callable[[str, Tensor], "Rule | None"]


def treat(
    rule: Rule, network: nn.Module, tensors: dict[str, Tensor]
) -> dict[str, Treatment]:
    """Apply a rule to the named tensors of a network: name -> distribution, `Point` or `Frozen`."""
    if isinstance(rule, Treatment):
        return dict.fromkeys(tensors, rule)
    choose = rule.bind(network, tensors) if hasattr(rule, "bind") else rule
    if not callable(choose):
        raise TypeError(
            f"a prior is a distribution, Point(), Frozen(), a selection such as by_name(...), or a callable "
            f"(name, parameter) -> distribution; {rule!r} is none of them"
        )
    chosen: dict[str, Treatment] = {}
    for name, tensor in tensors.items():
        choice = choose(name, tensor)
        chosen |= treat(Point() if choice is None else choice, network, {name: tensor})
    return chosen


def words(rule: Rule) -> str:
    """Write a rule in words: `Normal(0, 1)`, `Frozen()`, the name of a function."""
    if isinstance(rule, TorchDistributionMixin):
        return describe(rule)
    return getattr(rule, "__name__", repr(rule))
