"""The gradients of a step: some draws of all sites, and the loss of the batch at each."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from zoo.inference.ivon.flat import FlatNormal
from zoo.inference.ivon.update import Draw
from zoo.tracing.traced import Traced


class NaturalStep:
    r"""The loss of a batch and what the update needs of it, averaged over draws.

    .. math:: \frac1T E_q[\ell(z)] + \frac1N \Big( \frac1T \sum_i E_q[-\log p(z_i)]
        - H[q] \Big)

    The sum over the elements with a normal prior and the entropy have closed forms.

    Arguments:
        flat: The means and scales.
        loss: The loss at the present draw, with its gradients.
        num_draws: Number of draws.
        num_data: Number of data N.
        temperature: Temperature T of the whole posterior.
        compile: How the draw is computed, as in `Traced`.
        num_steps: Number of steps to come.
    """

    def __init__(
        self,
        flat: FlatNormal,
        loss: Traced,
        *,
        num_draws: int,
        num_data: int,
        temperature: float,
        compile: str,
        num_steps: int,
    ) -> None:
        self.flat = flat
        self.loss = loss
        self.num_draws = num_draws
        self.num_data = num_data
        self.temperature = temperature
        self.draw = Traced(
            Draw(flat), compile=compile, calls=num_steps, writes=[flat.draw]
        )

        size = flat.mean.numel()
        entropy_of_unit_normals = 0.5 * size * math.log(2 * math.pi * math.e)
        self._constant = flat.prior.constant / temperature - entropy_of_unit_normals

    @property
    def how(self) -> str:
        """The mode of the loss, empty before the first step."""
        return self.loss.how

    @property
    def seconds(self) -> float:
        """Seconds of tracing and compiling."""
        return self.loss.seconds + self.draw.seconds

    def __call__(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Return the loss; the gradient of the means; noise; and the gradients of points.

        With several draws, the noise is the mean of gradient times noise.

        Arguments:
            tensors: Those of a batch of inputs and targets, (B, ...) each.
        """
        first = self._at_a_draw(tensors)
        if self.num_draws == 1:
            return first

        totals = _with_product(first)
        for _ in range(self.num_draws - 1):
            others = _with_product(self._at_a_draw(tensors))
            torch._foreach_add_(totals, others)

        torch._foreach_div_(totals, self.num_draws)

        return tuple(totals)

    def _at_a_draw(self, tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Draw all sites, and return the loss, its gradient, the noise, and those of points."""
        flat = self.flat
        flat.noise.normal_()
        with torch.no_grad():
            divergence, log_precision = self.draw()

        flat.log_precision = log_precision
        loss, gradient, *of_points = self.loss(*tensors)
        if gradient.numel() == 0:  # the loss does not depend on the draw
            gradient = torch.zeros_like(flat.mean)

        total = loss / self.temperature + (divergence + self._constant) / self.num_data

        return total, gradient, flat.noise, *of_points


def _with_product(results: tuple[Tensor, ...]) -> list[Tensor]:
    """Return copies of the results of a draw, with the gradient times noise for the noise."""
    loss, gradient, noise, *of_points = results
    copies = [each.clone() for each in of_points]

    return [loss.clone(), gradient.clone(), gradient * noise, *copies]
