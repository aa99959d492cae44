"""The check that the prior of a model can be drawn from."""

from __future__ import annotations

from zoo.inference.mcmc.density.potential import Potential
from zoo.runtime.distributions import describe, is_proper


def refuse_improper(engine: str, potential: Potential) -> None:
    """Refuse a model whose prior cannot be drawn from.

    Arguments:
        engine: Name of the engine that begins at draws of the prior.
        potential: The potential energy.

    Raises:
        ValueError: The prior of a site is improper; the message names it.
    """
    for name, prior in potential.program.latents.items():
        if not is_proper(prior):
            raise ValueError(
                f"{engine} begins at draws of the prior, but that of site {name!r} is improper "
                f"({describe(prior)}); give the site a proper prior such as "
                "dist.Normal(0.0, 1.0), or use inference.NUTS"
            )
