"""How large the basin around a fit is: its radius in random directions, volume and mass."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from zoo.data import Data
from zoo.landscape.points.ends import End, locations, model_of
from zoo.landscape.points.location import Location
from zoo.landscape.points.target import Target, Terms
from zoo.landscape.surfaces.random_plane import filter_normalised
from zoo.runtime.counts import check_count

_DOUBLINGS = 60
_HALVINGS = 25
_NUM_NODES = 16  # of the quadrature along a radius


@dataclass(frozen=True, repr=False, eq=False)
class Basin:
    r"""The basin around a weight vector: where the training loss is below a ceiling.

    .. math:: \log V = \log \omega_P + \log \text{E}_u \, r(u)^P
        \;\ge\; \log \omega_P + P \, \text{E}_u \log r(u)

    Of P-dimensional volumes the first mean is that of the largest of a few radii, whatever
    their number. So volume and mass are the second, lower bounds with a standard error over
    directions; differences of two basins of one network are free of the volume ω of the
    unit ball.

    Arguments:
        radii: Distance r at which the loss reaches the ceiling, in each direction, (D,).
        masses: Log of the posterior mass along each direction, up to the evidence, times the
            surface of the unit sphere, in nats, (D,); NaN for directions that are normalised.
        size: Number of weights P.
        ceiling: The training loss at the border, in nats per datum.
        normalised: Whether directions have filters of the norms of the weights' filters, and
            distances are in lengths of the direction.

    Example:
        >>> radii = torch.tensor([1.0, 4.0])
        >>> found = Basin(radii, masses=radii.log(), size=2, ceiling=0.1, normalised=False)
        >>> found.radius  # the volume is at least that of a disc of this radius
        2.0
    """

    radii: Tensor
    masses: Tensor
    size: int
    ceiling: float
    normalised: bool

    @property
    def radius(self) -> float:
        """The geometric mean of the radii."""
        return float(self.radii.log().mean().exp())

    @property
    def log_volume(self) -> float:
        """The lower bound of the log of the volume."""
        unit = self.size / 2 * math.log(math.pi) - math.lgamma(self.size / 2 + 1)

        return unit + self.size * float(self.radii.log().mean())

    @property
    def log_volume_error(self) -> float:
        """Its standard error over directions."""
        return self.size * _error(self.radii.log())

    @property
    def log_mass(self) -> float:
        """The lower bound of the log of likelihood times prior, integrated over the basin.

        Less the log evidence it is the log of the basin's posterior probability.
        """
        return float(self.masses.mean())

    @property
    def log_mass_error(self) -> float:
        """Its standard error over directions."""
        return _error(self.masses)

    def __repr__(self) -> str:
        low, high = float(self.radii.min()), float(self.radii.max())

        return (
            f"Basin(training loss below {self.ceiling:g}, radius {self.radius:.4g}, from "
            f"{low:.4g} to {high:.4g} in {len(self.radii)} directions)"
        )


def basin(
    a: End,
    data: Data,
    *,
    ceiling: float = 0.1,
    num_directions: int = 50,
    normalised: bool = False,
) -> Basin:
    r"""Measure how far the training loss stays below a ceiling around a fit.

    .. math:: r(u) = \min \{ r > 0 : L(z + r u) \ge c \}, \qquad
        \log \text{mass} = \log \frac{2 \pi^{P/2}}{\Gamma(P/2)} + \text{E}_u \log \int_0^{r(u)}
        \rho^{P-1} p(y \mid z + \rho u) \, p(z + \rho u) \, d\rho

    Radii are found by doubling and halving, so that along a direction the loss is taken to
    reach the ceiling once.

    References:
        Understanding Generalization through Visualizations (Huang, Emam, Goldblum, Fowl, Terry,
            Huang, Goldstein, 2019)

    Arguments:
        a: A posterior, which stands for its mean, or weights by name.
        data: The data that were fitted, in any form.
        ceiling: The training loss c at the border, in nats per datum.
        num_directions: Number of random directions D.
        normalised: Whether filters of the directions have the norms of those of the weights,
            as published; else directions are uniform, as a volume needs.

    Raises:
        ValueError: The loss of the fit is above the ceiling, or it never reaches it.

    Example:
        >>> found = landscape.basin(posterior, data, ceiling=1e4, num_directions=3)
        >>> found.radii.shape, found.radius > 0
        (torch.Size([3]), True)
    """
    check_count("num_directions", num_directions, minimum=2)
    target = Target(model_of([a]), data, batch_norm="carry")
    (at,) = locations([a], target)
    loss = float(target.terms(Location(at.q[None], _repeated(at, 1))).loss)
    if not loss < ceiling:
        raise ValueError(
            f"the ceiling must be above the training loss of the fit, {loss:.4g} nats per datum, "
            f"but it is {ceiling:.4g}; write a larger ceiling"
        )

    rays = _Rays(target, at, _directions(target, at, num_directions, normalised))
    radii = rays.radii(ceiling)
    masses = torch.full_like(radii, math.nan) if normalised else rays.masses(radii)

    return Basin(radii.cpu(), masses.cpu(), len(at.q), ceiling, normalised)


def _directions(target: Target, at: Location, number: int, normalised: bool) -> Tensor:
    """Return random directions, (D, P): of length 1, or with the norms of the weights."""
    noise = torch.randn(number, len(at.q)).to(at.q)
    if not normalised:
        return noise / noise.norm(dim=-1, keepdim=True)

    values, _ = target.potential.unpack(at.q)
    found = []
    for row in noise:
        direction, _ = target.potential.unpack(row)
        parts = []
        for name, value in values.items():
            parts.append(filter_normalised(direction[name], value).flatten())

        found.append(torch.cat(parts))

    return torch.stack(found)


class _Rays:
    """The negative log posterior along directions from one weight vector.

    Arguments:
        target: The negative log posterior.
        at: The weight vector.
        directions: The directions, (D, P).
    """

    def __init__(self, target: Target, at: Location, directions: Tensor) -> None:
        self.target = target
        self.at = at
        self.directions = directions

    def radii(self, ceiling: float) -> Tensor:
        """Return the distance at which the loss reaches a ceiling in each direction, (D,)."""
        high = self.directions.new_full((len(self.directions),), 1e-3)
        for _ in range(_DOUBLINGS):
            is_below = self.terms(high).loss < ceiling
            if not bool(is_below.any()):
                break

            high = torch.where(is_below, 2 * high, high)
        else:
            raise ValueError(
                f"the training loss stays below the ceiling {ceiling:.4g} in some directions; "
                "write a smaller ceiling"
            )

        low = torch.zeros_like(high)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            is_below = self.terms(middle).loss < ceiling
            low = torch.where(is_below, middle, low)
            high = torch.where(is_below, high, middle)

        return high

    def masses(self, radii: Tensor) -> Tensor:
        r"""Return the log of the posterior mass of each direction, (D,) in nats.

        .. math:: \int_0^r \rho^{P-1} f(\rho) \, d\rho
            = \frac{r^P}{P} \int_0^\infty e^{-t} f(r e^{-t/P}) \, dt

        The second integral is by Gauss-Laguerre quadrature.
        """
        size = self.directions.shape[-1]
        nodes, weights = np.polynomial.laguerre.laggauss(_NUM_NODES)

        terms = []
        for node, weight in zip(nodes, weights, strict=True):
            values = self.terms(radii * math.exp(-node / size)).values.double()
            terms.append(math.log(weight) - self.target.num_data * values)

        surface = math.log(2) + size / 2 * math.log(math.pi) - math.lgamma(size / 2)
        along = torch.stack(terms).logsumexp(0) + size * radii.double().log()

        return surface + along - math.log(size)

    def terms(self, distances: Tensor) -> Terms:
        """Return the terms of the negative log posterior at distances (D,)."""
        q = self.at.q + distances[:, None] * self.directions

        return self.target.terms(Location(q, _repeated(self.at, len(q))))


def _repeated(at: Location, number: int) -> dict[str, Tensor]:
    """Return the buffers of a location for several draws."""
    return {name: v.expand(number, *v.shape) for name, v in at.buffers.items()}


def _error(values: Tensor) -> float:
    """Return the standard error of a mean."""
    return float(values.std()) / math.sqrt(len(values))
