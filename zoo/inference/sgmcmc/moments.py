"""What chains learn in burn-in from their gradients: a preconditioner, the noise of batches."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_LEAST_SHARE = 0.01  # of a new gradient in the running means
_FLOOR = 0.01  # of the root mean square over elements, for elements without gradient


@dataclass(frozen=True)
class Adaptation:
    """What is learned in burn-in, and fixed after it.

    Arguments:
        preconditioner: Whether each element has a step size of its own.
        noise: Whether the noise of batches is estimated, and less noise added for it.
    """

    preconditioner: bool = False
    noise: bool = False

    @property
    def is_nothing(self) -> bool:
        """Whether nothing is learned."""
        return not (self.preconditioner or self.noise)

    def state(self, q: Tensor) -> dict[str, Tensor]:
        """Return the tensors that are learned, before the first step at q (C, P)."""
        found = {}
        if self.preconditioner:
            found["mean_square"] = torch.zeros_like(q)
            found["metric"] = torch.ones_like(q)

        if self.noise:
            found["last_gradient"] = torch.zeros_like(q)
            found["mean_difference"] = torch.zeros_like(q)
            found["noise_variance"] = torch.zeros_like(q)

        return found


def share_of_new(number: int) -> float:
    """Return the share of the n-th gradient of burn-in in the running means, n from 1."""
    return max(1 / number, _LEAST_SHARE)


def observe(state: dict[str, Tensor], gradient: Tensor, share: Tensor) -> None:
    r"""Add a gradient to the running means, in place; to be traced.

    .. math:: s \leftarrow (1 - \rho) s + \rho g_t^2, \qquad
        d \leftarrow (1 - \rho) d + \tfrac12 \rho (g_t - g_{t-1})^2

    Arguments:
        state: The state of the chains.
        gradient: Gradient of the potential of a batch, (C, P).
        share: Share ρ of the new gradient, (); 0 after burn-in.
    """
    if "mean_square" in state:
        square = state["mean_square"]
        square.copy_(square + share * (gradient.square() - square))

    if "last_gradient" in state:
        last, mean = state["last_gradient"], state["mean_difference"]
        difference = 0.5 * (gradient - last).square()
        mean.copy_(mean + share * (difference - mean))
        last.copy_(gradient)


def learn(state: dict[str, Tensor]) -> None:
    r"""Set the preconditioner and the noise of batches to what the running means say.

    .. math:: G_i = \frac{c}{\sqrt{s_i} + \lambda}, \qquad V_i = d_i

    with c for a geometric mean of 1, so that the learning rate keeps its meaning.
    """
    if "mean_square" in state:
        root = state["mean_square"].sqrt()
        floor = _FLOOR * state["mean_square"].mean(-1, keepdim=True).sqrt()
        metric = 1 / (root + floor).clamp_min(1e-30)
        unit = metric.log().mean(-1, keepdim=True).exp()
        state["metric"].copy_(metric / unit)

    if "last_gradient" in state:
        state["noise_variance"].copy_(state["mean_difference"])
