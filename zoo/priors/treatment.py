"""Treatments: what a prior does with one tensor, and rules that choose a treatment for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, TypeAlias

from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor, nn

from zoo.priors.conditional import Conditional
from zoo.runtime.distributions import describe

Side = Literal["in", "out"]


@dataclass(frozen=True)
class Point:
    r"""A point estimate: the tensor is optimised, not random; with a prior it is the MAP.

    References:
        Pattern Recognition and Machine Learning (Bishop, 2006), section 3.3

    Arguments:
        prior: Distribution whose log density at the estimate is added to the log joint;
            None for maximum likelihood.

    Raises:
        TypeError: A prior that is no distribution.

    Example:
        >>> rule = priors.all_but_normalisation(dist.Normal(0.0, 1.0), otherwise=Point())
        >>> priors.WeightPrior(rule)
        WeightPrior(all_but_normalisation(Normal(0, 1), otherwise=Point()))
    """

    prior: TorchDistributionMixin | None = None

    def __post_init__(self) -> None:
        if self.prior is None or isinstance(self.prior, TorchDistributionMixin):
            return
        raise TypeError(
            "the MAP prior of a point estimate must be a distribution, "
            f"not {words(self.prior)}; write priors.Point(dist.Normal(0.0, 1.0))"
        )

    def __repr__(self) -> str:
        if self.prior is None:
            return "Point()"
        return f"Point({describe(self.prior)})"


@dataclass(frozen=True)
class Frozen:
    """The tensor keeps its value in the network: it is neither random nor trained.

    References:
        How transferable are features in deep neural networks? (Yosinski, Clune, Bengio, Lipson,
        2014)

    Example:
        >>> priors.NodePrior(dist.Normal(1.0, 0.1), weights=priors.Frozen())
        NodePrior(Normal(1, 0.1), where='in', weights=Frozen())
    """

    def __repr__(self) -> str:
        return "Frozen()"


@dataclass(frozen=True)
class BySide:
    """Nodes whose prior differs between the input and the output of a layer; `previous` makes it.

    Arguments:
        sides: Treatment of the nodes by side, "in" and "out".
    """

    sides: Mapping[Side, Treatment]


@dataclass(frozen=True)
class Named:
    """A rule that was given to one tensor by its very name.

    Arguments:
        rule: The rule.
    """

    rule: Rule


Treatment: TypeAlias = TorchDistributionMixin | Conditional | Point | Frozen | BySide
"""What becomes of one tensor: a distribution or a `Conditional` makes it random, `Point`
optimises it, `Frozen` keeps it. `BySide` is for nodes alone."""


class Selection(Protocol):
    """A rule that must see the network before it can choose, e.g. `last_layer`."""

    def bind(self, network: nn.Module, tensors: Mapping[str, Tensor]) -> Choice:
        """Return the choice for each of the named tensors.

        Arguments:
            network: The network.
            tensors: Its parameters by name; for nodes, weights by the name of their
                layer.

        Raises:
            ValueError: The selection selects nothing in this network.
        """
        ...


Choice: TypeAlias = Callable[[str, Tensor], "Rule | None"]
"""Chooses by name and value of a tensor; None stands for `Point()`."""

Rule: TypeAlias = Treatment | Selection | Choice | Named
"""What `WeightPrior` and `NodePrior` take: one treatment for all tensors, a selection, or a
callable. A selection or a callable may return another rule."""


class Decision(NamedTuple):
    """The treatment of one tensor, and whether the rule means this very tensor."""

    treatment: Treatment
    is_named: bool


def treat(
    rule: Rule, network: nn.Module, tensors: Mapping[str, Tensor]
) -> dict[str, Treatment]:
    """Apply a rule to the named tensors of a network, and return the treatment of each."""
    decisions = decide(rule, network, tensors)
    return {name: each.treatment for name, each in decisions.items()}


def decide(
    rule: Rule, network: nn.Module, tensors: Mapping[str, Tensor]
) -> dict[str, Decision]:
    """Apply a rule to the named tensors of a network, and note which of them it means by name."""
    if isinstance(rule, Named):
        decisions = decide(rule.rule, network, tensors)
        return {name: each._replace(is_named=True) for name, each in decisions.items()}

    if isinstance(rule, Treatment):
        return dict.fromkeys(tensors, Decision(rule, is_named=False))

    check_rule(rule, "priors.WeightPrior(dist.Normal(0.0, 1.0))")
    choose = rule.bind(network, tensors) if hasattr(rule, "bind") else rule
    is_function = choose is rule

    decisions = {}
    for name, tensor in tensors.items():
        chosen = choose(name, tensor)
        if chosen is None:
            chosen = Point()
        decisions |= decide(chosen, network, {name: tensor})

    return _with_singled_out(decisions) if is_function else decisions


def _with_singled_out(decisions: Mapping[str, Decision]) -> dict[str, Decision]:
    """Note the tensors that a function singles out: among all weights, it makes some random.

    Tensors whose names have the same last part are compared, such as all that are called
    `weight`.
    """
    kinds: dict[str, list[str]] = {}
    for name in decisions:
        kind = name.rpartition(".")[2]
        kinds.setdefault(kind, []).append(name)

    noted = dict(decisions)
    for names in kinds.values():
        chosen = [name for name in names if _is_random(decisions[name])]
        if len(chosen) == len(names):
            continue
        for name in chosen:
            noted[name] = decisions[name]._replace(is_named=True)

    return noted


def _is_random(decision: Decision) -> bool:
    return not isinstance(decision.treatment, (Point, Frozen))


def check_rule(rule: object, example: str) -> None:
    """Refuse what is no rule.

    Arguments:
        rule: What the user gave.
        example: The right call, for the error message.

    Raises:
        TypeError: The value is no distribution, treatment, selection or callable.
    """
    is_chosen_from = hasattr(rule, "bind") or callable(rule)
    is_rule = isinstance(rule, Treatment) or is_chosen_from
    is_class = isinstance(rule, type)
    if not is_rule or is_class:
        raise TypeError(
            "a prior must be a distribution, Point(), Frozen(), a selection like by_name(...) or "
            f"a callable (name, parameter) -> distribution; {rule!r} is none of them; "
            f"write {example}"
        )


def words(rule: Rule) -> str:
    """Return a rule in words: `Normal(0, 1)`, `Frozen()`, or the name of a function."""
    if isinstance(rule, TorchDistributionMixin):
        return describe(rule)
    return getattr(rule, "__name__", repr(rule))
