"""The largest step size at which chains are stable, from the curvature of the potential."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from zoo.inference.mcmc.density.potential import GradientFunction

_SHIFT = 1e-3  # of the positions, over their root mean square or 1


class RateLimit:
    """Lowers the learning rates of a run to a share of what the curvature allows.

    Arguments:
        largest: Largest step size times curvature; None for no limit.
        step_size: The step size ε of the highest learning rate.

    Attributes:
        share: What is left of each learning rate.
    """

    def __init__(self, largest: float | None, step_size: float) -> None:
        self.largest = largest
        self.step_size = step_size
        self.share = 1.0

    def state(self, q: Tensor) -> dict[str, Tensor]:
        """Return the tensors that a file keeps, before the first step at q (C, P)."""
        if self.largest is None:
            return {}

        return {"direction": torch.randn_like(q), "share": q.new_ones(())}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from the state in a file."""
        if self.largest is not None:
            self.share = float(state["share"])

    def update(
        self, gradient: GradientFunction, state: dict[str, Tensor], num_iterations: int
    ) -> int:
        """Learn the share from the chain with the largest curvature, and count gradients.

        Arguments:
            gradient: Returns the gradient (C, P) and the potential of one batch.
            state: The state of the chains.
            num_iterations: Number of iterations of the curvature.
        """
        if self.largest is None:
            return 0

        position, metric = state["position"], state.get("metric")
        values, direction = curvature(
            gradient, position, state["direction"], metric, num_iterations
        )
        steepest = float(values.max()) * self.step_size
        share = min(1.0, self.largest / max(steepest, 1e-30))
        state["direction"].copy_(direction)
        state["share"].fill_(share)
        self.share = float(state["share"])  # as a file keeps it

        return 1 + num_iterations


def curvature(
    gradient: GradientFunction,
    position: Tensor,
    direction: Tensor,
    metric: Tensor | None,
    num_iterations: int,
) -> tuple[Tensor, Tensor]:
    r"""Return the largest curvature (C,) of a potential, and its direction (C, P).

    It is the largest eigenvalue of :math:`G^{1/2} H G^{1/2}`, by power iteration with
    differences of gradients.

    Arguments:
        gradient: Returns the gradient (C, P) and the potential of the same data at each call.
        position: Positions, (C, P).
        direction: Directions to begin with, (C, P), such as those of an earlier call.
        metric: The preconditioner G, (C, P); None for the identity.
        num_iterations: Number of iterations, a gradient each.
    """
    root = torch.ones_like(position) if metric is None else metric.sqrt()
    size = position.square().mean(-1, keepdim=True).sqrt().clamp_min(1.0)
    shift = _SHIFT * size * position.shape[1] ** 0.5
    here, _ = gradient(position)
    largest = torch.zeros_like(position[:, 0])
    for _ in range(num_iterations):
        direction = direction / direction.norm(dim=-1, keepdim=True).clamp_min(1e-30)
        there, _ = gradient(position + shift * root * direction)
        direction = root * (there - here) / shift
        largest = direction.norm(dim=-1)

    return largest, direction
