"""The spectrum of a curvature: its largest eigenvalues, and sums over all of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class Quadrature:
    r"""Nodes and weights with which sums over all P eigenvalues are estimated.

    .. math:: \sum_i f(\lambda_i) \approx \frac{P}{R} \sum_{r=1}^R \sum_j w_{rj} f(\theta_{rj})

    Arguments:
        nodes: Nodes θ, (R, M), or all eigenvalues, (1, P).
        weights: Weights w, which sum to one for each random vector, (R, M).
        is_exact: Whether the nodes are all eigenvalues.
    """

    nodes: Tensor
    weights: Tensor
    is_exact: bool = False

    @classmethod
    def exact(cls, eigenvalues: Tensor) -> Quadrature:
        """Return the quadrature of all eigenvalues (P,)."""
        size = len(eigenvalues)
        weights = torch.full((1, size), 1 / size, dtype=eigenvalues.dtype)

        return cls(eigenvalues[None], weights, is_exact=True)

    def sum(
        self, function: Callable[[Tensor], Tensor], size: int
    ) -> tuple[float, float]:
        """Return a sum over all eigenvalues and its standard error.

        Arguments:
            function: The function of an eigenvalue.
            size: Number of eigenvalues P.
        """
        each = size * (self.weights * function(self.nodes)).sum(-1)
        if self.is_exact:
            return float(each), 0.0

        number = len(each)
        error = float(each.std()) / math.sqrt(number) if number > 1 else math.nan

        return float(each.mean()), error


def lanczos_quadrature(operator: Any, num_probes: int, num_steps: int) -> Quadrature:
    """Return the quadrature of Lanczos iterations from random vectors.

    Arguments:
        operator: A symmetric operator of curvlinops.
        num_probes: Number of random vectors R.
        num_steps: Number of iterations M for each.
    """
    from curvlinops.papyan2020traces.spectrum import fast_lanczos

    nodes, weights = [], []
    for _ in range(num_probes):
        eigenvalues, vectors = fast_lanczos(operator, num_steps)
        nodes.append(eigenvalues.detach().double().cpu())
        weights.append(vectors[0].detach().double().cpu().square())

    return Quadrature(torch.stack(nodes), torch.stack(weights))


@dataclass(frozen=True, repr=False, eq=False)
class Spectrum:
    """The curvature of the negative log likelihood of all data at one weight vector.

    Arguments:
        eigenvalues: The largest eigenvalues, in nats, the largest first, (K,). Divided by the
            number of data they are those of the mean loss.
        alpha: Precision of the prior.
        size: Number of weights P.
        kind: "ggn" or "hessian".
        quadrature: Nodes and weights of the whole spectrum; None without.
        trace: The trace: exact, or by Hutch++; None without.

    Example:
        >>> found = landscape.curvature(posterior, data, num_eigenvalues=3)
        >>> found.lower_bound <= found.effective_dimension
        True
    """

    eigenvalues: Tensor
    alpha: float
    size: int
    kind: str
    quadrature: Quadrature | None
    trace: Tensor | None

    @property
    def effective_dimension(self) -> float:
        """Effective dimension N_eff: exact, by quadrature, or the lower bound; see `how`."""
        return self._dimension()[0]

    @property
    def effective_dimension_error(self) -> float:
        """Its standard error: 0 if it is exact, NaN for the lower bound."""
        return self._dimension()[1]

    @property
    def lower_bound(self) -> float:
        """The part of the effective dimension of the largest eigenvalues alone."""
        return float(self._share(self.eigenvalues).sum())

    @property
    def how(self) -> str:
        """How the effective dimension was found: "exact", "quadrature" or "lower bound"."""
        if self.quadrature is None:
            return "lower bound"

        return "exact" if self.quadrature.is_exact else "quadrature"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the share of eigenvalues above each value, with the precision of the prior.

        Arguments:
            ax: The axis, by default that of a new figure.
        """
        from zoo import plots

        if self.quadrature is None:
            ranks = torch.arange(1, len(self.eigenvalues) + 1)
            return plots.spectrum(self.eigenvalues, ranks, self.alpha, ax=ax)

        nodes, order = self.quadrature.nodes.flatten().sort(descending=True)
        weights = self.quadrature.weights.flatten()[order]
        ranks = self.size * weights.cumsum(0) / len(self.quadrature.nodes)

        return plots.spectrum(nodes, ranks, self.alpha, ax=ax)

    def _dimension(self) -> tuple[float, float]:
        """Return the effective dimension and its standard error."""
        if self.quadrature is None:
            return self.lower_bound, math.nan

        return self.quadrature.sum(self._share, self.size)

    def _share(self, eigenvalues: Tensor) -> Tensor:
        """Return λ / (λ + α) of each eigenvalue, 0 of a negative one."""
        positive = eigenvalues.clamp_min(0)

        return positive / (positive + self.alpha)

    def __repr__(self) -> str:
        value, error = self._dimension()
        ending = f" ± {error:.2g}" if self.how == "quadrature" else ""
        largest = float(self.eigenvalues[0])

        return (
            f"Spectrum({self.kind}, largest eigenvalue {largest:.4g} nats, effective dimension "
            f"{value:.4g}{ending} of {self.size:,} ({self.how}))"
        )
