"""A previous posterior as the prior of the next task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor, nn

from zoo.priors.selection import Selected
from zoo.priors.treatment import BySide, Point, Rule, treat, words


class HasDistributions(Protocol):
    """A posterior, or a guide, that has a distribution for each site."""

    def distributions(self) -> Mapping[str, TorchDistributionMixin]:
        """Return them by site name."""


def previous(posterior: HasDistributions, otherwise: Rule = Point()) -> Selected:  # noqa: B008
    r"""Take what was known after one task as the prior of the next: variational continual learning.

    .. math:: p_{t}(w) = q_{t-1}(w)

    Each tensor, or the nodes of each layer, get the distribution that the posterior has
    for that site, as it is now.

    References:
        Variational Continual Learning (Nguyen, Li, Bui, Turner, 2018)

    Arguments:
        posterior: A posterior whose guide has a density for each site, or that guide:
            what has `distributions()`.
        otherwise: What a tensor gets that the posterior does not have, a new head, say.

    Raises:
        TypeError: Something without `distributions()`.
        ValueError: A posterior that has none of the sites of the network.

    Example:
        >>> rule = previous(guides.MeanField(model), otherwise=dist.Normal(0.0, 1.0))
        >>> priors.WeightPrior(rule).bind(model.network).weights["layer1.weight"].shape()
        torch.Size([10, 6])
    """
    if not hasattr(posterior, "distributions"):
        raise TypeError(
            f"previous takes a posterior or a guide that has distributions(), not {posterior!r}"
        )
    sites = posterior.distributions()

    def choose(
        network: nn.Module, tensors: dict[str, Tensor]
    ) -> Callable[[str, Tensor], Rule]:
        layers = [name for name, _ in network.named_modules()]
        known = {name for name, _ in network.named_parameters()}
        known |= {site for layer in layers for site in node_sites(layer).values()}
        if not known & sites.keys():
            raise ValueError(
                f"the previous posterior has the sites {', '.join(sites)}, and {type(network).__name__} none of them; "
                "a network for the next task keeps the names of the layers"
            )

        def rule(name: str, tensor: Tensor) -> Rule:
            nodes = node_sites(name)
            if name in sites or not sites.keys() & set(nodes.values()):
                return sites.get(name, otherwise)
            rest = treat(otherwise, network, {name: tensor})[name]
            return BySide({side: sites.get(site, rest) for side, site in nodes.items()})

        return rule

    return Selected(
        choose, f"previous({type(posterior).__name__}, otherwise={words(otherwise)})"
    )


def node_sites(layer: str) -> dict[str, str]:
    """Return the names of the sites that the nodes of a layer have, by side."""
    return {
        side: f"{layer}.nodes_{side}" if layer else f"nodes_{side}"
        for side in ("in", "out")
    }
