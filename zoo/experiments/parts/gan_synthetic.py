"""The synthetic problems of the paper on Bayesian GANs, and how far what is made is from them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from zoo import networks
from zoo.experiments.parts.gan_case import GanCase

NUM_OUTPUTS, NUM_LATENTS = 100, 10  # D and d
NUM_CHAINS = 5  # generators, and as many discriminators
_HIDDEN = 200  # units; the paper's networks have 1000
_NUM_CLUSTERS = 10
_LEAKY = partial(nn.LeakyReLU, 0.2)


def synthetic_case() -> GanCase:
    """Return two multilayer perceptrons with one hidden layer each."""
    hidden = {"hidden": [_HIDDEN], "activation": _LEAKY}
    return GanCase(
        generator=partial(networks.MLP, NUM_LATENTS, NUM_OUTPUTS, **hidden),
        discriminator=partial(networks.MLP, NUM_OUTPUTS, 1, **hidden),
        num_latents=NUM_LATENTS,
        num_chains=NUM_CHAINS,
    )


def linear_problem(number: int, seed: int) -> Tensor:
    r"""Return x = Az + noise with z ~ N(0, 10 I), as the paper describes it, (number, 100).

    The noise has the standard deviation 0.1. Each element is standardised.
    """
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(NUM_OUTPUTS, NUM_LATENTS, generator=generator)
    z = 10**0.5 * torch.randn(number, NUM_LATENTS, generator=generator)
    noise = 0.1 * torch.randn(number, NUM_OUTPUTS, generator=generator)

    return _standardised(z @ a.T + noise)


def cluster_problem(number: int, seed: int) -> Tensor:
    """Return ten clusters, each in a plane of its own, as in the released program.

    The coordinates in a plane are N(m, I), where m ~ N(0, 25 I) is of the cluster. Each
    element is standardised.
    """
    generator = torch.Generator().manual_seed(seed)
    parts = []
    for _ in range(_NUM_CLUSTERS):
        mean = 5 * torch.randn(2, generator=generator)
        a = 5 * torch.randn(NUM_OUTPUTS, 2, generator=generator)
        z = mean + torch.randn(number // _NUM_CLUSTERS, 2, generator=generator)
        parts.append(z @ a.T)

    order = torch.randperm(number // _NUM_CLUSTERS * _NUM_CLUSTERS, generator=generator)

    return _standardised(torch.cat(parts)[order])


PROBLEMS: dict[str, Callable[[int, int], Tensor]] = {
    "linear": linear_problem,
    "clusters": cluster_problem,
}


def _standardised(x: Tensor) -> Tensor:
    return (x - x.mean(0)) / x.std(0)


class PlaneDivergence:
    r"""The Jensen-Shannon divergence of two densities in a plane, in nats, 0 to log 2.

    .. math:: \tfrac12 KL(p, \tfrac12 (p + q)) + \tfrac12 KL(q, \tfrac12 (p + q))

    The plane is that of the first two principal components of real data. Densities are
    kernel estimates on a grid, as in the released program.

    References:
        Divergence measures based on the Shannon entropy (Lin, 1991)
        Bayesian GAN (Saatci, Wilson, 2017)

    Arguments:
        real: Real data, (N, D).
        num_cells: Number of points of the grid in each direction.
    """

    def __init__(self, real: Tensor, num_cells: int = 80) -> None:
        self._mean = real.mean(0)
        _, _, axes = torch.linalg.svd(real - self._mean, full_matrices=False)
        self._axes = axes[:2].T
        points = self.plane(real)
        low, high = points.amin(0) - 3, points.amax(0) + 3
        steps = torch.linspace(0, 1, num_cells)[:, None]
        lines = low + steps * (high - low)
        first, second = torch.meshgrid(lines[:, 0], lines[:, 1], indexing="ij")
        self._grid = torch.stack([first.flatten(), second.flatten()]).double().numpy()
        self._p = self._density(points)

    def plane(self, x: Tensor) -> Tensor:
        """Return the coordinates (N, 2) of data (N, D) in the plane."""
        return (x - self._mean) @ self._axes

    def __call__(self, made: Tensor) -> float:
        """Return the divergence of real and of made data, (M, D)."""
        q = self._density(self.plane(made))
        middle = (self._p + q) / 2
        parts = [_relative_entropy(each, middle) for each in (self._p, q)]

        return sum(parts) / 2

    def _density(self, points: Tensor) -> np.ndarray:
        """Return a kernel estimate on the grid that sums to 1."""
        from scipy.stats import gaussian_kde

        values = gaussian_kde(points.double().numpy().T)(self._grid)

        return values / values.sum()


def _relative_entropy(p: np.ndarray, q: np.ndarray) -> float:
    inside = p > 0
    return float((p[inside] * np.log(p[inside] / q[inside])).sum())
