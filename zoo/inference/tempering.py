"""Temperatures of the posterior and of the likelihood."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pyro.distributions as dist
from torch import Tensor

from zoo.runtime.sites import Site


@dataclass(frozen=True)
class Tempering:
    r"""Temperatures that define the target of an engine as a power of the joint density.

    .. math:: p_T(z \mid y) \propto \big[ p(y \mid z)^{1 / T_l} \, p(z) \big]^{1 / T}

    A temperature T below 1 gives a cold posterior. For T -> 0 it concentrates at the
    maximum a posteriori.

    References:
        How Good is the Bayes Posterior in Deep Neural Networks Really? (Wenzel et al., 2020)
        The Safe Bayesian: Learning the Learning Rate via the Mixability Gap (Grünwald, 2012)

    Arguments:
        whole: Temperature T of the whole posterior.
        likelihood: Temperature T_l of the likelihood alone.

    Raises:
        ValueError: A temperature that is not positive and finite.

    Example:
        >>> Tempering(whole=0.5).is_off
        False
    """

    whole: float = 1.0
    likelihood: float = 1.0

    def __post_init__(self) -> None:
        _check_temperature("temperature", self.whole)
        _check_temperature("likelihood_temperature", self.likelihood)

    @property
    def is_off(self) -> bool:
        """Whether the target is the posterior itself."""
        return self.whole == self.likelihood == 1.0

    def cool(self, value: Tensor, site: Site, latent: bool) -> Tensor:
        """Divide a term of the log joint density by its temperatures.

        Arguments:
            value: The term.
            site: The site that it comes from. A factor statement is the log prior of a
                point estimate.
            latent: Whether the site is latent.
        """
        is_factor = isinstance(site["fn"], dist.Unit)
        temperature = self.whole
        if not latent and not is_factor:
            temperature = self.whole * self.likelihood

        if temperature == 1.0:
            return value
        return value / temperature


def _check_temperature(name: str, value: float) -> None:
    if not 0 < value < math.inf:
        raise ValueError(
            f"{name} divides a log density and must be positive and finite, not {value}; write "
            "1.0 for the posterior"
        )
