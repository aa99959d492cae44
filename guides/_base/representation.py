"""How a guide is shown: as text, and as a page in a notebook."""

from __future__ import annotations

import html
from collections.abc import Mapping

from guides._base.site import Site

_FEW_SITES = 3  # this many sites are shown by their names


def text(family: str, details: str, sites: Mapping[str, Site], count: int) -> str:
    """Return a line such as `MeanField(4 sites, 162 parameters)`.

    Arguments:
        family: Name of the family.
        details: What the family adds, or an empty string.
        sites: The sites of the guide.
        count: Number of its parameters.
    """
    are_few = len(sites) <= _FEW_SITES
    shown_sites = ", ".join(sites) if are_few else f"{len(sites)} sites"
    noun = "parameter" if count == 1 else "parameters"

    parts = [shown_sites, f"{count:,} {noun}"]
    if details:
        parts.insert(0, details)

    inside = ", ".join(parts)

    return f"{family}({inside})"


def page(title: str, sites: Mapping[str, Site]) -> str:
    """Return a title and a list of sites with their shapes, in HTML."""
    rows = []
    for name, site in sites.items():
        shape = tuple(site.init.shape)
        shown_name = html.escape(name)
        rows.append(f"<li><code>{shown_name}</code> {shape}</li>")

    shown_title = html.escape(title)
    items = "".join(rows)

    return f"<p>{shown_title}</p><ul>{items}</ul>"
