"""Gradient ascent in the space of pixels: within a radius, or until classes have a confidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.runtime.progress import bar
from zoo.stress.gradients import Loss

_FOOLING_STEP_SIZE = 0.02  # of a pixel, where white is 1


@dataclass(frozen=True)
class Ascent:
    """Gradient ascent on the loss, within a radius of every pixel.

    Arguments:
        name: The name of the attack.
        radius: The largest change of a pixel.
        num_steps: Number of gradient steps.
        step_size: Change of every pixel in a step.
        random_init: Whether the ascent starts from random pixels within the radius.
    """

    name: str
    radius: float
    num_steps: int
    step_size: float
    random_init: bool

    def run(
        self, loss: Loss, pixels: Tensor, y: Tensor, on_step: Callable[[], object]
    ) -> Tensor:
        """Return the pixels after the last step, and call `on_step` after each."""
        low = (pixels - self.radius).clamp_min(0)
        high = (pixels + self.radius).clamp_max(1)
        current = pixels

        if self.random_init:
            change = 2 * torch.rand_like(pixels) - 1
            current = pixels + self.radius * change
            current = torch.clamp(current, low, high)

        for _ in range(self.num_steps):
            direction = loss(current, y).gradient.sign()

            current = current + self.step_size * direction
            current = torch.clamp(current, low, high)
            on_step()

        return current


def ascend_to_confidence(
    loss: Loss,
    init: Tensor,
    y: Tensor,
    confidence: float,
    num_steps: int,
    progress: bool,
) -> tuple[Tensor, Tensor]:
    """Increase the probability of target classes until each has a confidence.

    Arguments:
        loss: The loss, the negative log probability of the target class.
        init: The initial patterns, (K, ...).
        y: Target classes, (K,).
        confidence: The probability at which a pattern stays as it is.
        num_steps: Largest number of steps.
        progress: Whether to show a progress bar.

    Returns:
        The patterns, (K, ...), and the probability of the target class of each, (K,).
    """
    current = init
    pixel_dims = [1] * (init.dim() - 1)
    value, gradient = loss(current, y)
    with bar(num_steps, "steps", progress) as shown:
        for _ in range(num_steps):
            unfinished = (-value).exp() < confidence  # (K,)
            if not bool(unfinished.any()):
                break

            unfinished = unfinished.reshape(-1, *pixel_dims)
            step = _FOOLING_STEP_SIZE * gradient.sign() * unfinished
            current = (current - step).clamp(0, 1)
            value, gradient = loss(current, y)
            shown.update()

    return current, (-value).exp()
