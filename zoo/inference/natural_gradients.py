"""What a refit of the means or the scales alone would gain, from gradients after a fit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

NUM_BLOCKS = 8  # of gradients, which give the noise of their mean
_MOST_NUMBERS = (
    2**20
)  # of each block; of more parameters every second, ... is looked at
_NUM_ERRORS = 2.0  # that a gain must exceed
_STEEPEST = 4.0  # the largest gradient that is not cut off


class Gain(NamedTuple):
    """What a refit would gain, in nats over all data.

    Arguments:
        value: The gain, at least: what exceeds its noise by two standard errors; 0 if
            nothing does.
        error: The standard error of the gain of all parameters, each by itself.
        mean: Mean gradient.
    """

    value: float
    error: float
    mean: float


class NaturalGradients:
    r"""Gradients of the negative ELBO by parameters of normals, at fixed parameters.

    .. math:: g_i = \frac{\partial (-ELBO)}{\partial \log \sigma_i}
        = \sigma_i^2 \Lambda_i - 1 \quad\text{or}\quad
        g_i = \sqrt 2 \, \sigma_i \frac{\partial (-ELBO)}{\partial \mu_i}, \qquad
        \text{gain}_i \approx \tfrac14 g_i^2

    Λ is the curvature of the expected log joint density. The gain is that of the
    parameter alone, at its optimum: of a scale (g - log(1 + g)) / 2 exactly, of a mean
    g²/4 at the optimal scale. It is estimated without the bias of noise: for each
    element from products of independent estimates of g; for one factor of all scales of
    a tensor from the mean of g. The first knows scales of which some are too large and
    some too small, the second scales that are far from their optimum.

    Arguments:
        sizes: Number of parameters of each tensor.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        self.sizes = list(sizes)
        self.stride = -(-sum(sizes) // _MOST_NUMBERS)
        self.number = 0
        self._blocks: list[Tensor] = []  # sums of gradients, (M,) each
        self._means: list[list[float]] = []  # of each tensor, at each evaluation

    def add(self, gradients: Sequence[Tensor]) -> None:
        """Add an evaluation with noise of its own.

        Arguments:
            gradients: The gradient of each tensor, in nats over all data, at the
                temperature of the fit.
        """
        self._means.append([float(gradient.mean()) for gradient in gradients])
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        few = flat[:: self.stride]

        if len(self._blocks) < NUM_BLOCKS:
            self._blocks.append(few.clone())
        else:
            self._blocks[self.number % NUM_BLOCKS] += few

        self.number += 1

    def gain_of_scales(self) -> Gain:
        """Return what a refit of scales would gain, from as many evaluations as blocks."""
        gain = self.gain_of_means()

        return gain._replace(value=max(gain.value, self._of_tensors()))

    def gain_of_means(self) -> Gain:
        """Return what a refit of means would gain, from as many evaluations as blocks."""
        blocks = []
        for number, block in enumerate(self._blocks):
            count = len(range(number, self.number, NUM_BLOCKS))
            blocks.append((block / count).clamp(-_STEEPEST, _STEEPEST))

        stacked = torch.stack(blocks)
        products = (stacked @ stacked.T).double()
        gain = _mean_off_diagonal(products) / 4

        without = []
        for number in range(NUM_BLOCKS):
            kept = [other for other in range(NUM_BLOCKS) if other != number]
            without.append(_mean_off_diagonal(products[kept][:, kept]) / 4)

        spread = torch.tensor(without).double().var(correction=0)
        error = math.sqrt((NUM_BLOCKS - 1) * float(spread))
        exceeding = max(0.0, gain - _NUM_ERRORS * error)

        return Gain(self.stride * exceeding, self.stride * error, self._mean())

    def _of_tensors(self) -> float:
        """Return the gain of a factor for all scales of each tensor."""
        means = torch.tensor(self._means).double()  # (K, number of tensors)
        cycles = means[: self.number - self.number % NUM_BLOCKS]
        blocks = cycles.reshape(-1, NUM_BLOCKS, len(self.sizes)).mean(0)
        errors = blocks.std(0) / math.sqrt(NUM_BLOCKS)
        averages = means.mean(0)

        exceeding = (averages.abs() - _NUM_ERRORS * errors).clamp_min(0.0)
        least = exceeding.copysign(averages).clamp_min(1e-6 - 1)
        gains = (least - least.log1p()) / 2

        return float((torch.tensor(self.sizes) * gains).sum())

    def _mean(self) -> float:
        """Return the mean gradient of all parameters."""
        means = torch.tensor(self._means).double().mean(0)
        weights = torch.tensor(self.sizes).double() / sum(self.sizes)

        return float((weights * means).sum())


def _mean_off_diagonal(products: Tensor) -> float:
    """Return the mean of the products of different blocks, (J, J)."""
    number = len(products)
    total = products.sum() - products.diagonal().sum()

    return float(total / (number * (number - 1)))
