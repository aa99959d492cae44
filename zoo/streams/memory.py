"""How a hybrid model remembers earlier tasks: replayed data, or the latents of replayed data."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from zoo.likelihoods.gaussian_classes import GaussianClasses
from zoo.likelihoods.likelihood import Likelihood
from zoo.likelihoods.recalled import Recalled


class Latents(NamedTuple):
    """Data with the component and the latents of each.

    Arguments:
        x: Inputs, (N, D).
        y: Components, (N,).
        z: Latents, (N, D).
    """

    x: Tensor
    y: Tensor
    z: Tensor


class Lesson(NamedTuple):
    """What one fit is of.

    Arguments:
        likelihood: The likelihood.
        data: Inputs and components.
        given: What the likelihood asks for of each datum.
    """

    likelihood: Likelihood
    data: tuple[Tensor, Tensor]
    given: dict[str, Tensor]


class TaskMemory(Protocol):
    """How a model remembers earlier tasks."""

    def lesson(
        self, likelihood: GaussianClasses, x: Tensor, y: Tensor, earlier: Latents
    ) -> Lesson:
        """Return what the next fit is of.

        Arguments:
            likelihood: The likelihood of the data of a task.
            x: Inputs of the new task, (N, D).
            y: Their components, (N,).
            earlier: Samples of the model before the new task.
        """
        ...


class Forget:
    """No memory: the flow is fitted to the new task alone.

    Example:
        >>> Forget()
        Forget()
    """

    def lesson(
        self, likelihood: GaussianClasses, x: Tensor, y: Tensor, earlier: Latents
    ) -> Lesson:
        """Return the data of the new task."""
        return Lesson(likelihood, (x, y), {})

    def __repr__(self) -> str:
        return "Forget()"


class Replay:
    r"""Generative replay: samples of the model before the new task are data as well.

    .. math:: \sum_{i=1}^{N} \log p(x_i, y_i) + \sum_{j=1}^{M} \log p(\tilde x_j, \tilde y_j),
        \quad \tilde x_j \sim p_\text{before}(x \mid \tilde y_j)

    References:
        Continual Learning with Deep Generative Replay (Shin, Lee, Kim, Kim, 2017)

    Example:
        >>> Replay()
        Replay()
    """

    def lesson(
        self, likelihood: GaussianClasses, x: Tensor, y: Tensor, earlier: Latents
    ) -> Lesson:
        """Return the data of the new task together with the samples."""
        data = (torch.cat([x, earlier.x]), torch.cat([y, earlier.y]))

        return Lesson(likelihood, data, {})

    def __repr__(self) -> str:
        return "Replay()"


class Recall:
    r"""Functional regularisation: latents of samples stay near those that they had before.

    .. math:: \sum_{i=1}^{N} \log p(x_i, y_i)
        - \alpha \sum_{j=1}^{M} \| f(\tilde x_j) - f_\text{before}(\tilde x_j) \|^2,
        \quad \alpha = \frac{1}{2 \, \text{scale}^2}

    Arguments:
        scale: Standard deviation of a latent around the earlier one.

    Example:
        >>> Recall(scale=0.3)
        Recall(scale=0.3)
    """

    def __init__(self, scale: float) -> None:
        self.scale = scale

    def lesson(
        self, likelihood: GaussianClasses, x: Tensor, y: Tensor, earlier: Latents
    ) -> Lesson:
        """Return the data of the new task, and the samples with their latents as targets."""
        unknown = x.new_full((len(x), earlier.z.shape[1]), float("nan"))
        data = (torch.cat([x, earlier.x]), torch.cat([y, earlier.y]))
        given: dict[str, Any] = {"recalled": torch.cat([unknown, earlier.z])}

        return Lesson(Recalled(likelihood, self.scale), data, given)

    def __repr__(self) -> str:
        return f"Recall(scale={self.scale:g})"
