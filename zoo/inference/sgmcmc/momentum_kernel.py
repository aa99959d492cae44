"""Chains with momenta: the push by a gradient, friction and noise, and the kinetic energy."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.inference.sgmcmc.kernel import EpochKernel


class MomentumKernel(EpochKernel):
    r"""The base of chains with momenta of unit variance.

    .. math:: p \leftarrow (1 - \alpha) p - \sqrt{\epsilon G} \, \nabla U_B(z)
        + \text{noise}, \qquad z \leftarrow z + \sqrt{\epsilon G} \, p

    In this unit a momentum stays in equilibrium when the step size or the preconditioner
    changes. It is known half a step before the position, which makes its square
    :math:`1 / (1 - \alpha/2)` times too large. With this factor taken out, the kinetic
    temperature on a quadratic potential is the variance of the position over the exact one,
    for any step size and any noise of batches.
    """

    def further_state(self, q: Tensor) -> dict[str, Tensor]:
        """Return momenta of zero, and their kinetic temperature over an epoch."""
        return {
            "momentum": torch.zeros_like(q),
            "sum_kinetic": q.new_zeros(self.num_chains),
        }

    def push(
        self,
        gradient: Tensor,
        scale: Tensor,
        friction: Tensor | float,
        noise: Tensor,
    ) -> Tensor:
        """Move momenta and positions in place, and return the kinetic temperatures (C,).

        Arguments:
            gradient: Gradient of the potential of a batch, (C, P).
            scale: Root of the step size times the preconditioner, () or (C, P).
            friction: Share α of the momentum that is lost, a number or (C,).
            noise: Noise of this step, (C, P).
        """
        momentum, position = self.state["momentum"], self.state["position"]
        column = friction[:, None] if isinstance(friction, Tensor) else friction
        momentum.copy_((1 - column) * momentum - scale * gradient + noise)
        position.add_(scale * momentum)

        kinetic = (1 - friction / 2) * momentum.square().mean(-1)
        self.state["sum_kinetic"].add_(kinetic)

        return kinetic
