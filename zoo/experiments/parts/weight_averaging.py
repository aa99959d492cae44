"""Standard dropout at prediction: the averaged weights of a fit with MC dropout."""

from __future__ import annotations

import guides
from zoo.posterior.posterior import Posterior


def average_weights(posterior: Posterior) -> Posterior:
    """Return the posterior whose weights are the average over the masks of MC dropout.

    Raises:
        TypeError: The posterior is not from MC dropout.
    """
    guide = posterior.guide
    if not isinstance(guide, guides.MCDropout):
        kind = type(guide).__name__
        raise TypeError(
            f"averaged weights need a fit with guides.MCDropout, not {kind}"
        )

    averaged = guide.averaged()

    return posterior.with_guide(averaged)
