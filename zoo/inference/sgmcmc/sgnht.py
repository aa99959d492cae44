"""The stochastic-gradient Nosé-Hoover thermostat."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from zoo.inference.mcmc.sampled_data import SampledData
from zoo.inference.sgmcmc.engine import StochasticEngine
from zoo.inference.sgmcmc.epoch_options import EpochOptions, check_friction
from zoo.inference.sgmcmc.momentum_kernel import MomentumKernel
from zoo.inference.svi.arguments import checked_rate


class ThermostatKernel(MomentumKernel):
    """Chains with momenta whose friction follows their kinetic temperature."""

    def further_state(self, q: Tensor) -> dict[str, Tensor]:
        """Return momenta of zero, and the friction of every chain."""
        friction = q.new_full((self.num_chains,), self.settings.friction)
        return super().further_state(q) | {"friction": friction}

    def move(self, gradient: Tensor, step_size: Tensor, noise_scale: Tensor) -> None:
        """Move momenta, positions and frictions in place.

        Without noise, in an exploration, there is no temperature to follow.
        """
        first, friction = self.settings.friction, self.state["friction"]
        noise = noise_scale * self.noise_of(2 * first, self.scale(step_size))
        kinetic = self.push(gradient, self.scale(step_size), friction, noise)

        followed = friction + self.settings.thermostat_rate * (kinetic - 1)
        present = noise_scale * followed + (1 - noise_scale) * first
        friction.copy_(present.clamp(0.0, 1.0))


@dataclass(kw_only=True, repr=False, eq=False)
class SGNHT(StochasticEngine):
    r"""The stochastic-gradient Nosé-Hoover thermostat: friction that keeps the temperature.

    .. math:: p \leftarrow (1 - \alpha_t) p - \sqrt\epsilon \, \nabla U_B(z)
        + \sqrt{2 \alpha} \, \xi, \qquad z \leftarrow z + \sqrt\epsilon \, p,

    .. math:: \alpha_{t+1} = \alpha_t + \kappa \Big( \frac{1 - \alpha_t / 2}{P}
        |p|^2 - 1 \Big), \qquad \epsilon = \eta T / N

    Here U_B is the potential of a batch, which counts N/B times, divided by T. The friction
    of each chain rises until it takes away what the noise of batches adds, without an
    estimate of that noise: the temperature is right on average over all parameters. Where
    the noise differs between parameters, some are too hot and some too cold. The noise must
    be white: batches of tensors are drawn independently, with replacement, not in passes
    that see each datum once; let those of a loader be so too.

    References:
        Bayesian Sampling Using Stochastic Gradient Thermostats (Ding, Fang, Babbush, Chen,
        Skeel, Neven, 2014)

    Arguments:
        lr: Learning rate η of the mean gradient of a datum, as that of gradient descent with
            momentum 1 - α, 0.02 at most by default.
        friction: Share α of the momentum that is lost at the first step, and the noise of
            each step.
        thermostat_rate: How fast the friction follows the temperature, κ.

    Raises:
        ValueError: A friction outside (0, 1).

    Example:
        >>> short = {"num_epochs": 10, "num_chains": 2, "progress": False}
        >>> engine = inference.SGNHT(model, **short)
        >>> engine.fit(data.train, batch_size=4)
        Posterior over 81 parameters at 4 sites: 2 chains of 5 draws
    """

    friction: float = 0.1
    thermostat_rate: float = 0.01
    usual_lr = 0.02
    kernel_type = ThermostatKernel

    def __post_init__(self) -> None:
        super().__post_init__()
        check_friction(self.friction)
        checked_rate(self.thermostat_rate, "thermostat_rate")

    @property
    def assumes_white_noise(self) -> bool:
        """Whether the method is exact only for batches that are independent of each other."""
        return True

    def settings(self, data: SampledData) -> EpochOptions:
        """Return the settings of the kernel."""
        return replace(
            super().settings(data),
            friction=self.friction,
            thermostat_rate=self.thermostat_rate,
        )
