"""Stochastic-gradient Langevin dynamics."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from zoo.inference.sgmcmc.engine import StochasticEngine
from zoo.inference.sgmcmc.kernel import EpochKernel


class LangevinKernel(EpochKernel):
    """Chains that take gradient steps with noise."""

    def move(self, gradient: Tensor, step_size: Tensor, noise_scale: Tensor) -> None:
        """Move the position of every chain in place."""
        position = self.state["position"]
        scale = self.scale(step_size)
        noise = noise_scale * self.noise_of(2.0, scale)
        position.copy_(position + scale * (noise - scale * gradient))


@dataclass(kw_only=True, repr=False, eq=False)
class SGLD(StochasticEngine):
    r"""Stochastic-gradient Langevin dynamics: gradient steps on batches, with noise.

    .. math:: z \leftarrow z - \epsilon \nabla U_B(z) + \sqrt{2 \epsilon} \, \xi, \qquad
        \epsilon = \eta T / N, \quad \xi \sim N(0, I)

    Here U_B is the potential of a batch, which counts N/B times, divided by T. Nothing is
    rejected, so draws have a bias of order η. In a direction in which the potential per
    datum has curvature h, the variance is 1/(1 - ηh/2) times the exact one; above η = 2/h
    the chain diverges. The noise of the batches adds to the variance ηN/(2B) times the
    variance of a datum's gradient over h, so large batches or small steps are needed for
    exact moments; see `info.configurational_temperature`.

    References:
        Bayesian Learning via Stochastic Gradient Langevin Dynamics (Welling, Teh, 2011)
        Cyclical Stochastic Gradient MCMC for Bayesian Deep Learning (Zhang, Li, Zhang, Chen,
        Wilson, 2020)

    Arguments:
        lr: Learning rate η of the mean gradient of a datum, as that of gradient descent, 0.2
            at most by default.

    Example:
        >>> short = {"num_epochs": 10, "num_chains": 2, "progress": False}
        >>> engine = inference.SGLD(model, **short)
        >>> engine.fit(data.train, batch_size=4)
        Posterior over 81 parameters at 4 sites: 2 chains of 5 draws
    """

    usual_lr = 0.2
    kernel_type = LangevinKernel
