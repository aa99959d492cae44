"""The log density of one site of a model."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class SiteDensity(NamedTuple):
    """The log density of a site.

    Arguments:
        raw: The log density, ().
        cooled: It, divided by its temperatures, ().
        is_latent: Whether the site is latent.
    """

    raw: Tensor
    cooled: Tensor
    is_latent: bool
