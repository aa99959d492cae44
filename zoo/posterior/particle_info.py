"""The statistics of the engines of particles: annealed importance sampling and ensembles."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from zoo.posterior.bound import UNEVEN, Bound, NoBound
from zoo.posterior.info import RunInfo, first_to_last


@dataclass(repr=False, kw_only=True)
class ParticleInfo(RunInfo):
    """What the statistics of all engines of particles have.

    Arguments:
        num_gradients: Gradients evaluated by all particles.
        seconds: Wall time in seconds.
        compiled: How a step was run: "plain", "traced", "compiled" or "captured".
        stopped: Why the run ended early; "" if it did not.
        error: The exception that ended the run early, if one did.
    """

    num_gradients: int
    compiled: str

    def _shared(self) -> dict[str, str]:
        """Return the lines on the costs, temperatures and an early end."""
        costs = {
            "num_gradients": f"{self.num_gradients:,}",
            "seconds": f"{self.seconds:.1f} ({self.compiled})",
        }
        return costs | super()._shared()


@dataclass(repr=False, kw_only=True)
class AISInfo(ParticleInfo):
    """Statistics of annealed importance sampling; `ParticleInfo` has the others.

    Arguments:
        log_weights: Log weight of each particle's path in nats, (K,). Their mean is at most
            the log evidence.
        power: Power of the likelihood that was reached, 1 unless the run was interrupted.
        num_data: Number of data N; 1 for a Pyro model that is not one of the zoo's.
        acceptance_rate: Mean acceptance probability of each step, (T,).
        step_size: The last step size, in standard deviations of the prior.
        is_weighted: Whether some data had weights that are neither 0 nor 1.

    Example:
        >>> engine = inference.AIS(model, num_particles=4, num_steps=5, progress=False)
        >>> info = engine.fit(data.train).info
        >>> 1 <= info.effective_particles <= 4, info.log_evidence < 0
        (True, True)
    """

    log_weights: Tensor
    power: float
    num_data: int
    acceptance_rate: Tensor
    step_size: float
    is_weighted: bool = False

    @property
    def bound(self) -> Bound:
        """The mean of minus the log weights per datum, and its standard error.

        Raises:
            NoBound: The run was interrupted before the power of the likelihood was 1, or
                data have weights that are neither 0 nor 1.
        """
        if self.is_weighted:
            raise NoBound(UNEVEN)

        if self.power < 1.0:
            raise NoBound(
                f"the particles reached a power of {self.power:.3g} of the likelihood, and only "
                "at 1 is there a bound; run inference.AIS to its end"
            )

        losses = -self.log_weights / self.num_data
        error = losses.std() / math.sqrt(len(losses))

        return Bound(float(losses.mean()), float(error))

    @property
    def log_evidence(self) -> float:
        """The logarithm of the mean weight, in nats over all data.

        If data have weights, it is that of the integral of the powers of their densities.
        """
        total = float(self.log_weights.logsumexp(0))
        return total - math.log(len(self.log_weights))

    @property
    def effective_particles(self) -> float:
        """The effective sample size of the weights, between 1 and K."""
        weights = self.log_weights.softmax(0)
        return float(1 / weights.square().sum())

    def summary(self) -> dict[str, str]:
        """Return the most important fields as text by name."""
        accepted = (
            float(self.acceptance_rate.mean()) if len(self.acceptance_rate) else 0
        )
        number = len(self.log_weights)
        found = {
            "log_evidence": f"{self.log_evidence:.4g} nats",
            "effective_particles": f"{self.effective_particles:.1f} of {number}",
            "acceptance_rate": f"mean {accepted:.3g}",
            "step_size": f"{self.step_size:.3g}",
        }
        if self.power == 1.0 and not self.is_weighted:
            found = {"bound": f"{self.bound} nats per datum"} | found

        return found | self._shared()


@dataclass(repr=False, kw_only=True)
class EnsembleInfo(ParticleInfo):
    """Statistics of a repulsive ensemble, which has no bound; `ParticleInfo` has the others.

    Arguments:
        losses: Mean negative log joint density of the particles in nats per datum, (T,).
        repulsion: Where particles repel each other, e.g. "functions".
        bandwidth: Squared width of the kernel at the last step.

    Example:
        >>> engine = inference.RepulsiveEnsemble(
        ...     model, num_particles=4, num_steps=5, progress=False
        ... )
        >>> engine.fit(data.train).info.losses.shape
        torch.Size([5])
    """

    losses: Tensor
    repulsion: str
    bandwidth: float

    def summary(self) -> dict[str, str]:
        """Return the most important fields as text by name."""
        found = {
            "losses": first_to_last(self.losses),
            "repulsion": f"{self.repulsion!r}, bandwidth {self.bandwidth:.3g}",
            "bound": "False",
        }
        return found | self._shared()
