"""Groups of sites that a guide draws together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from guides._base.site import Site, unconstrained

Per = Literal["layer", "all"]  # what is drawn together
Groups = dict[str, list[str]]  # names of sites by the name of their auxiliary site
Grouping = Callable[[Mapping[str, Site]], Groups]


def grouped(per: Per, names: Sequence[str] | None) -> Grouping:
    """Return a function that puts sites into groups: one group of all, or one for each layer.

    Sites belong to the same layer if their names are equal up to the last dot. A group of
    one element has no correlations and is left out.

    Arguments:
        per: "layer" or "all".
        names: The sites to group, None for all.

    Raises:
        ValueError: `per` is neither "layer" nor "all".
    """
    if per not in ("layer", "all"):
        raise ValueError(f"per must be 'layer' or 'all', not {per!r}")

    def group(sites: Mapping[str, Site]) -> Groups:
        groups: Groups = {}
        for name in chosen(sites, names):
            key = _layer_group(name) if per == "layer" else "joint"
            groups.setdefault(key, []).append(name)

        return _without_single_elements(groups, sites)

    return group


def chosen(sites: Mapping[str, Site], names: Sequence[str] | None) -> list[str]:
    """Return the named sites in the order of the model, all of them if `names` is None.

    Raises:
        ValueError: `names` is empty, or has a name that is no site.
    """
    if names is None:
        return list(sites)

    unknown = sorted(set(names) - sites.keys())
    if unknown or not names:
        known = ", ".join(sites)
        raise ValueError(
            f"sites={list(names)} must name sites of the model; write some of {known}"
        )

    return [name for name in sites if name in names]


def _layer_group(name: str) -> str:
    """Return the group of a site's layer, the name up to the last dot: `layer1:joint`."""
    layer = name.rpartition(".")[0]
    return f"{layer}:joint" if layer else "joint"


def _without_single_elements(groups: Groups, sites: Mapping[str, Site]) -> Groups:
    """Return the groups that have more than one element."""
    kept = {}
    for key, names in groups.items():
        sizes = [unconstrained(sites[name]).numel() for name in names]
        if sum(sizes) > 1:
            kept[key] = names

    return kept
