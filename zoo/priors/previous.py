"""A previous posterior as the prior of the next task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor, nn

from zoo.priors.channel_nodes import node_site
from zoo.priors.selection import Selected
from zoo.priors.treatment import (
    BySide,
    Choice,
    Named,
    Point,
    Rule,
    Side,
    treat,
    words,
)

_SIDES: tuple[Side, Side] = ("in", "out")


class HasDistributions(Protocol):
    """A posterior, or a guide, that has a distribution for each site."""

    def distributions(self) -> Mapping[str, TorchDistributionMixin]:
        """Return the distributions by site name."""
        ...


def previous(posterior: HasDistributions, otherwise: Rule = Point()) -> Selected:  # noqa: B008
    r"""Use the posterior of one task as the prior of the next task, for continual learning.

    .. math:: p_{t}(w) = q_{t-1}(w)

    Each tensor, or the nodes of each layer, gets the distribution that the posterior has
    for that site at the time of the call.

    References:
        Variational Continual Learning (Nguyen, Li, Bui, Turner, 2018)

    Arguments:
        posterior: A posterior whose guide has a density for each site, or that guide:
            anything with a method `distributions()`.
        otherwise: Rule of the tensors that the posterior does not have, e.g. of a new
            head.

    Raises:
        TypeError: A value without `distributions()`.
        ValueError: A posterior that has none of the sites of the network.

    Example:
        >>> rule = previous(guides.MeanField(model), otherwise=dist.Normal(0.0, 1.0))
        >>> priors.WeightPrior(rule).bind(model.network).weights["layer1.weight"].shape()
        torch.Size([10, 6])
    """
    if not hasattr(posterior, "distributions"):
        raise TypeError(
            "previous needs a fitted posterior or a guide, with a method distributions(), "
            f"not {posterior!r}; write priors.previous(posterior)"
        )

    sites = posterior.distributions()

    def choose(network: nn.Module, tensors: Mapping[str, Tensor]) -> Choice:
        _check_sites(sites, network)

        def rule_of(name: str, tensor: Tensor) -> Rule:
            if name in sites:
                return Named(sites[name])

            node_sites = {side: node_site(name, side) for side in _SIDES}
            if sites.keys().isdisjoint(node_sites.values()):
                return otherwise

            rest = treat(otherwise, network, {name: tensor})[name]
            by_side = {side: sites.get(site, rest) for side, site in node_sites.items()}

            return BySide(by_side)

        return rule_of

    text = f"previous({type(posterior).__name__}, otherwise={words(otherwise)})"

    return Selected(choose, text)


def _check_sites(sites: Mapping[str, object], network: nn.Module) -> None:
    """Refuse a posterior that has no site of a network."""
    names = {name for name, _ in network.named_parameters()}
    for layer, _ in network.named_modules():
        for side in _SIDES:
            names.add(node_site(layer, side))
    if not names.isdisjoint(sites):
        return

    listed = ", ".join(sites)
    raise ValueError(
        f"the previous posterior has the sites {listed}, but {type(network).__name__} has none of "
        "them; give the layers of the next network the same names"
    )
