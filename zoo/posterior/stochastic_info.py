"""The statistics of stochastic-gradient MCMC: those of samplers, and temperatures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from zoo.metrics.effective_size import effective_size
from zoo.posterior.info import MCMCInfo

_NORMAL_QUANTILE = 1.96  # of a confidence interval of 95 %


class Temperature(NamedTuple):
    """A temperature over that of the target, with a confidence interval of 95 %.

    Arguments:
        mean: Mean over draws and chains; 1 is right.
        low: Lower end of the interval.
        high: Upper end of the interval.
    """

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Tensor) -> Temperature:
        """Return the mean of correlated values (C, S) and its interval."""
        values = values.double()
        mean = float(values.mean())
        if values.shape[1] < 4:
            return cls(mean, -math.inf, math.inf)

        size = effective_size(values)
        half = _NORMAL_QUANTILE * float(values.std() / size.clamp_min(1.0).sqrt())

        return cls(mean, mean - half, mean + half)

    def __str__(self) -> str:
        return f"{self.mean:.3g} ({self.low:.3g} to {self.high:.3g})"


@dataclass(repr=False, kw_only=True)
class SGMCMCInfo(MCMCInfo):
    r"""Statistics of a run of stochastic-gradient MCMC, one value for each epoch of a draw.

    The equipartition and the virial theorem say that at the temperature of the target

    .. math:: E[p_i^2] = 1 \quad \text{and} \quad E[z \cdot \nabla U(z)] = P,

    for momenta p and the P positions z in unconstrained space. Both are stated as a share of that,
    so that 1 is right, and a value above 1 says that noise of batches or too large steps
    make the chains too hot.

    References:
        How Good is the Bayes Posterior in Deep Neural Networks Really? (Wenzel et al., 2020)

    Arguments:
        acceptance_rate: 1, because nothing is rejected, (C, S).
        diverging: False, because a run ends where a position is not finite, (C, S).
        n_steps: Gradient steps of the epoch, (C, S).
        lp: Mean over the epoch of the estimated log joint density in unconstrained space, at
            its temperatures, (C, S).
        step_size: The last learning rate, (C,).
        batch_size: Size of a batch; None for a Pyro model that is not one of the zoo's.
        kinetic_temperature: That of the momenta, (C, S); None without momenta.
        configurational_temperature: That of the positions, (C, S).
        caveat: Why the draws are of no posterior, or of which one; "" if there is nothing
            to say.

    Example:
        >>> short = {"num_epochs": 6, "num_chains": 2, "compile": False, "progress": False}
        >>> engine = inference.SGLD(model, lr=1e-3, **short)
        >>> info = engine.fit(data.train, batch_size=90).info
        >>> list(info.temperatures()), info.batch_size
        (['configurational'], 90)
    """

    batch_size: int | None = None
    kinetic_temperature: Tensor | None = None
    configurational_temperature: Tensor | None = None
    caveat: str = ""

    def temperatures(self) -> dict[str, Temperature]:
        """Return each temperature with its confidence interval, by name."""
        found = {}
        if self.kinetic_temperature is not None:
            found["kinetic"] = Temperature.of(self.kinetic_temperature)
        if self.configurational_temperature is not None:
            found["configurational"] = Temperature.of(self.configurational_temperature)

        return found

    def summary(self) -> dict[str, str]:
        """Return the most important fields as text by name."""
        num_chains, num_draws = self.lp.shape
        rate = float(self.step_size[0])
        found = {
            "draws": f"{num_chains} x {num_draws}, learning rate {rate:.3g} at the end"
        }
        for name, temperature in self.temperatures().items():
            found[f"{name}_temperature"] = str(temperature)

        found["num_gradients"] = f"{self.num_gradients:,}"
        found["seconds"] = f"{self.seconds:.1f} ({self.compiled})"
        if self.caveat:
            found["caveat"] = self.caveat

        return found | self._shared()
