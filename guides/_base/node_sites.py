"""The sites that are nodes of a network: vectors that multiply the channels of a layer."""

from __future__ import annotations

from collections.abc import Mapping

from guides._base.site import Site


def node_sites(
    sites: Mapping[str, Site], names: list[str] | None, family: str
) -> list[str]:
    """Return the named sites, or those that the model marks as nodes.

    Arguments:
        sites: The latent sites of a model.
        names: Names of the nodes, for a model that does not mark them.
        family: Name of the guide, for messages.

    Raises:
        ValueError: There are no nodes; or some are no vectors or have bounded support.
    """
    marked = [name for name, site in sites.items() if site.is_node]
    nodes = names or marked
    if not nodes:
        known = ", ".join(sites)
        raise ValueError(
            f"none of the sites {known} is a node; use priors.NodePrior, or name the nodes: "
            "nodes=[...]"
        )

    bounded = [name for name in nodes if not sites[name].is_real]
    if bounded:
        shown = ", ".join(bounded)
        support = sites[bounded[0]].support
        raise ValueError(
            f"the nodes {shown} have bounded support ({support}), but {family} needs real "
            "values; write e.g. dist.Normal(1.0, 0.3)"
        )

    shapes = {name: tuple(sites[name].init.shape) for name in nodes}
    if any(len(shape) != 1 for shape in shapes.values()):
        raise ValueError(
            "nodes must be vectors, one element for each channel of a layer, but their shapes "
            f"are {shapes}"
        )

    return nodes
