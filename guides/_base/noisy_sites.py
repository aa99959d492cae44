"""The sites that dropout can put noise on, chosen by patterns of their names."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from guides._base.guide import Guide
from guides._base.log_uniform import is_log_uniform
from guides._base.site import Site


def noisy_sites(sites: Mapping[str, Site], layers: str | Sequence[str]) -> list[str]:
    """Return the weights and the Bernoulli nodes that patterns choose, in the order of the model.

    Arguments:
        sites: The latent sites of a model.
        layers: Shell-style patterns of the names of sites or of their layers.

    Raises:
        ValueError: There is no weight and no Bernoulli node; or a pattern matches none.
    """
    names = [name for name, site in sites.items() if _can_be_noisy(site)]
    if not names:
        known = ", ".join(sites)
        raise ValueError(
            f"none of the sites {known} is a weight of a layer or a Bernoulli node, "
            "so there is nothing to drop"
        )

    patterns = [layers] if isinstance(layers, str) else layers

    chosen: set[str] = set()
    for pattern in patterns:
        found = [name for name in names if _matches(name, pattern)]
        if not found:
            near = difflib.get_close_matches(pattern, names, n=3, cutoff=0.0)
            nearest = ", ".join(near)
            raise ValueError(
                f"no weight is called {pattern!r}; the nearest are {nearest}"
            )

        chosen.update(found)

    return [name for name in names if name in chosen]


def refuse_log_uniform(guide: Guide, names: Sequence[str]) -> None:
    """Refuse log-uniform priors of the named sites, if the guide puts weights at or near 0.

    Raises:
        ValueError: The prior of a site is log-uniform: its density is infinite at 0.
    """
    for name in names:
        if is_log_uniform(guide.sites[name].prior):
            raise ValueError(
                f"the log-uniform prior of {name!r} is infinite at 0, and "
                f"{type(guide).__name__} sets weights to 0; use a proper prior, or "
                "guides.SparseVariationalDropout or guides.GaussianDropout"
            )


def _can_be_noisy(site: Site) -> bool:
    """Return whether a site is a weight, i.e. real and at least a matrix, or binary nodes."""
    is_weight = site.is_real and site.prior.event_dim >= 2
    return is_weight or site.is_binary


def _matches(name: str, pattern: str) -> bool:
    """Return whether a pattern matches the name of a site, or that of its layer."""
    layer = name.rpartition(".")[0]
    return fnmatchcase(name, pattern) or fnmatchcase(layer, pattern)
