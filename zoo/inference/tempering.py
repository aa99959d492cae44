"""Temperatures of a posterior: of the whole of it, and of the likelihood alone."""

from __future__ import annotations

from dataclasses import dataclass

import pyro.distributions as dist
from torch import Tensor


@dataclass(frozen=True)
class Tempering:
    r"""Which power of the joint density an engine takes for the target.

    .. math:: p_T(z \mid y) \propto \big[ p(y \mid z)^{1 / T_l} \, p(z) \big]^{1 / T}

    A whole temperature below 1 is a cold posterior; at 0 it would be the maximum a
    posteriori.

    References:
        How Good is the Bayes Posterior in Deep Neural Networks Really? (Wenzel et al., 2020)
        The Safe Bayesian: Learning the Learning Rate via the Mixability Gap (Grünwald, 2012)

    Arguments:
        whole: Temperature T of the whole posterior.
        likelihood: Temperature T_l of the likelihood alone.

    Raises:
        ValueError: A temperature that is not positive.

    Example:
        >>> Tempering(whole=0.5).is_off
        False
    """

    whole: float = 1.0
    likelihood: float = 1.0

    def __post_init__(self) -> None:
        for name, value in (
            ("temperature", self.whole),
            ("likelihood_temperature", self.likelihood),
        ):
            if not 0 < value < float("inf"):
                raise ValueError(
                    f"{name} divides a log density and must be positive and finite, not {value}; 1.0 is the posterior"
                )

    @property
    def is_off(self) -> bool:
        """Whether the target is the posterior itself."""
        return self.whole == self.likelihood == 1.0

    def cool(self, value: Tensor, site: dict, latent: bool) -> Tensor:
        """Divide a term of the log joint by its temperatures; a factor is the prior of a point estimate."""
        is_prior = latent or isinstance(site["fn"], dist.Unit)
        temperature = self.whole if is_prior else self.whole * self.likelihood
        return value if temperature == 1.0 else value / temperature
