"""Stochastic-gradient Hamiltonian Monte Carlo."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from zoo.inference.mcmc.sampled_data import SampledData
from zoo.inference.sgmcmc.engine import StochasticEngine
from zoo.inference.sgmcmc.epoch_options import EpochOptions, check_friction
from zoo.inference.sgmcmc.moments import Adaptation
from zoo.inference.sgmcmc.momentum_kernel import MomentumKernel


class FrictionKernel(MomentumKernel):
    """Chains with momenta that lose a share to friction at each step, and gain noise."""

    def move(self, gradient: Tensor, step_size: Tensor, noise_scale: Tensor) -> None:
        """Move the momentum and the position of every chain in place."""
        friction = self.settings.friction
        scale = self.scale(step_size)
        noise = noise_scale * self.noise_of(2 * friction, scale)
        self.push(gradient, scale, friction, noise)


@dataclass(kw_only=True, repr=False, eq=False)
class SGHMC(StochasticEngine):
    r"""Stochastic-gradient Hamiltonian Monte Carlo: momenta with friction and noise.

    .. math:: p \leftarrow (1 - \alpha) p - \sqrt\epsilon \, \nabla U_B(z)
        + \sqrt{2 (\alpha - \hat\beta)} \, \xi, \qquad
        z \leftarrow z + \sqrt\epsilon \, p, \qquad \epsilon = \eta T / N

    Here U_B is the potential of a batch, which counts N/B times, divided by T, and
    :math:`\hat\beta = \epsilon V / 2` is the noise of batches, 0 unless
    `noise_estimate=True`. Without it the noise of batches makes the chains too hot, by the
    factor :math:`1 + \epsilon V / 2 \alpha`.

    In a direction in which the potential per datum has curvature h, the variance is
    :math:`1 / (1 - \eta h / (4 - 2 \alpha))` times the exact one, and
    :math:`E[p^2] (1 - \alpha/2)` is the same number: the kinetic temperature in
    `info`. A chain moves as far as one of `SGLD` with the learning rate η/α.

    A preconditioner G multiplies the gradient by G and the noise by its root. It is learned
    in burn-in and fixed after it, so it adds no bias.

    References:
        Stochastic Gradient Hamiltonian Monte Carlo (Chen, Fox, Guestrin, 2014)
        Cyclical Stochastic Gradient MCMC for Bayesian Deep Learning (Zhang, Li, Zhang, Chen,
        Wilson, 2020)

    Arguments:
        lr: Learning rate η of the mean gradient of a datum, as that of gradient descent with
            momentum 1 - α, 0.02 at most by default.
        friction: Share α of the momentum that is lost at each step.
        noise_estimate: Whether the noise of batches is estimated in burn-in, for each
            parameter and chain, and so much less noise added. The batches of tensors are
            drawn independently then, with replacement; let those of a loader be so too.

    Raises:
        ValueError: A friction outside (0, 1).

    Example:
        >>> short = {"num_epochs": 10, "num_chains": 2, "progress": False}
        >>> engine = inference.SGHMC(model, **short)
        >>> engine.fit(data.train, batch_size=4)
        Posterior over 81 parameters at 4 sites: 2 chains of 5 draws
    """

    friction: float = 0.1
    noise_estimate: bool = False
    usual_lr = 0.02
    kernel_type = FrictionKernel

    def __post_init__(self) -> None:
        super().__post_init__()
        check_friction(self.friction)

    @property
    def assumes_white_noise(self) -> bool:
        """Whether the method is exact only for batches that are independent of each other."""
        return self.noise_estimate

    def settings(self, data: SampledData) -> EpochOptions:
        """Return the settings of the kernel."""
        learned = Adaptation(self.preconditioner, self.noise_estimate)
        settings = super().settings(data)

        return replace(settings, friction=self.friction, learned=learned)
