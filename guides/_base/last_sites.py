"""The sites of the last layer of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyro.distributions import Independent
from torch.distributions import Normal

from guides._base.groups import chosen
from guides._base.site import Site

_MAX_ELEMENTS = 2000  # of a dense matrix of second derivatives


def last_layer_sites(
    sites: Mapping[str, Site], names: Sequence[str] | None
) -> list[str]:
    """Return the named sites, by default those of the layer that the model states last.

    The weights of a layer are taken, or its nodes if its weights are not random.

    Arguments:
        sites: The latent sites of a model.
        names: Names of the sites, None for the default.

    Raises:
        ValueError: A site that does not exist, or whose prior is not normal; too many
            elements.
    """
    found = _last_layer(sites) if names is None else chosen(sites, names)
    for name in found:
        if not _is_normal(sites[name]):
            raise ValueError(
                f"LastLayer needs a normal prior of the last layer, but {name!r} has "
                f"{sites[name].prior}; write dist.Normal(0.0, 1.0) for this layer, or use "
                "another guide, e.g. guides.MeanField"
            )

    size = sum(sites[name].init.numel() for name in found)
    if size > _MAX_ELEMENTS:
        raise ValueError(
            f"the last layer {', '.join(found)} has {size:,} elements, too many for a dense "
            f"matrix of second derivatives ({_MAX_ELEMENTS:,} at most); use guides.LowRank, or "
            "choose fewer sites: sites=[...]"
        )

    return found


def _last_layer(sites: Mapping[str, Site]) -> list[str]:
    """Return the weights of the last layer; its last nodes if its weights are not random."""
    of_network = [name for name in sites if ":" not in name] or list(sites)
    last = of_network[-1]
    layer = last.rpartition(".")[0]
    if not layer:
        return [last]

    names = [name for name in of_network if name.rpartition(".")[0] == layer]
    weights = [name for name in names if not sites[name].is_node]

    return weights or names[-1:]


def _is_normal(site: Site) -> bool:
    """Return whether the prior of a site makes its elements normal and independent."""
    prior = site.prior
    while isinstance(prior, Independent):
        prior = prior.base_dist

    return isinstance(prior, Normal)
