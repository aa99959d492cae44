"""The matrix normal distribution, and its lazy draw.

`guides._lazy.lazy` explains how a lazily sampled tensor works.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from pyro.distributions import constraints
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor
from torch.distributions import Independent, Normal, register_kl

from guides._base.noise import normal_noise
from guides._base.shape import Shape
from guides._lazy.lazy import Layer, Lazy, plain

_LOG_2_PI = math.log(2 * math.pi)


class MatrixVariate(TorchDistribution):
    """A matrix normal MN(M, U, V), with U = A A^T and V = B B^T, over a tensor (O, *rest).

    Arguments:
        loc: The mean M, (O, *rest); it is seen as a matrix (O, I).
        row: The Cholesky factor A (O, O), or its diagonal (O,).
        column: The Cholesky factor B (I, I), or its diagonal (I,).
        batch_shape: Shape of a batch of draws.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    has_rsample = True

    def __init__(
        self,
        loc: Tensor,
        row: Tensor,
        column: Tensor,
        batch_shape: torch.Size = torch.Size(),  # noqa: B008
    ) -> None:
        self.loc = loc
        self.row = row
        self.column = column
        super().__init__(batch_shape, loc.shape, validate_args=False)

    @property
    def support(self) -> constraints.Constraint:
        """All tensors of the shape."""
        return constraints.independent(constraints.real, self.loc.dim())

    @property
    def mean(self) -> Tensor:
        """The mean M."""
        return self.loc.expand(self._extended_shape())

    @property
    def variance(self) -> Tensor:
        """The variances U_oo V_ii."""
        row = _variances(self.row)
        column = _variances(self.column)
        product = row.unsqueeze(-1) * column  # (O, I)
        variance = product.reshape(self.loc.shape)

        return variance.expand(self._extended_shape())

    def rsample(self, sample_shape: Shape = torch.Size()) -> Tensor:  # noqa: B008
        """Draw M + A E B^T from standard normals E."""
        shape = self._extended_shape(sample_shape)
        noise = normal_noise(shape, self.loc)
        noise = self._as_matrix(noise)

        correlated = _times_transposed(noise, self.column)  # E B^T
        correlated = _times_transposed(correlated.mT, self.row).mT  # A E B^T

        return self.loc + correlated.reshape(shape)

    def expand(self, batch_shape: Shape, _instance: Any = None) -> MatrixVariate:
        """Return the distribution for a batch of draws, which are ordinary ones."""
        return MatrixVariate(self.loc, self.row, self.column, torch.Size(batch_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density."""
        noise = self._as_matrix(value - self.loc)
        noise = _solve(self.column, noise.mT).mT
        noise = _solve(self.row, noise)  # A^-1 (W - M) B^-T

        squared = noise.square()
        quadratic = -0.5 * squared.sum((-2, -1))

        constant = 0.5 * self.loc.numel() * _LOG_2_PI

        return quadratic - self.log_volume() - constant

    def log_volume(self) -> Tensor:
        """Return the log determinant of the linear map from E to W, I log |A| + O log |B|."""
        num_rows = len(self.loc)
        num_columns = self.loc[0].numel()
        row = num_columns * _log_det(self.row)
        column = num_rows * _log_det(self.column)

        return row + column

    def _as_matrix(self, value: Tensor) -> Tensor:
        """Reshape values (*S, O, *rest) to matrices (*S, O, I)."""
        return value.flatten(value.dim() - self.loc.dim() + 1)


class LazyMatrixVariate(MatrixVariate):
    """A matrix normal whose single draw is a `LazyMatrix`."""

    def rsample(self, sample_shape: Shape = torch.Size()) -> Tensor:  # noqa: B008
        """Return a lazy draw, or ordinary draws if there is a batch of them."""
        if sample_shape:
            return super().rsample(sample_shape)

        return LazyMatrix(self.loc, self)


class LazyMatrix(Lazy):
    """A weight ~ MN(M, U, V); a linear layer draws its output instead of it.

    Arguments:
        like: A tensor with the shape, dtype and device of the weight.
        distribution: The distribution of the weight.
    """

    def __init__(self, like: Tensor, distribution: MatrixVariate) -> None:
        self.distribution = distribution

    def draw(self) -> Tensor:
        """Draw the weight itself."""
        ordinary = self.distribution.expand(self.distribution.batch_shape)
        return ordinary.rsample()

    def output(
        self, layer: Layer, x: Tensor, bias: Tensor | None, *args: Any, **kwargs: Any
    ) -> Tensor | None:
        """Draw the output of each example of a linear layer, M x + sqrt(x^T V x) A eps.

        The result is None, i.e. the weight is drawn, if one weight serves several outputs
        of an example.
        """
        place = self.place(x)
        if layer is not F.linear or place is None or not place.is_single:
            return None

        q = self.distribution
        mean = F.linear(x, q.loc, plain(bias))

        column = q.column.mT if q.column.dim() == 2 else q.column
        projected = _times_transposed(x, column)  # x B
        variance = projected.square().sum(-1, keepdim=True)
        # An input of zeros has no variance, and the square root has no gradient at 0.
        scale = variance.clamp_min(1e-16).sqrt()  # (B, 1)

        noise = torch.randn_like(mean)
        noise = _times_transposed(noise, q.row)

        return mean + scale * noise


# A factor F is a lower triangular matrix, or the diagonal of a diagonal one.


def _variances(factor: Tensor) -> Tensor:
    """Return the diagonal of F F^T."""
    if factor.dim() == 1:
        return factor.square()

    return factor.square().sum(-1)


def _times_transposed(x: Tensor, factor: Tensor) -> Tensor:
    """Return x F^T."""
    return x * factor if factor.dim() == 1 else x @ factor.mT


def _solve(factor: Tensor, x: Tensor) -> Tensor:
    """Return F^-1 x, for x (*, N, M)."""
    if factor.dim() == 1:
        return x / factor.unsqueeze(-1)

    return torch.linalg.solve_triangular(factor, x, upper=False)


def _log_det(factor: Tensor) -> Tensor:
    """Return log |F|."""
    diagonal = factor if factor.dim() == 1 else factor.diagonal()
    return diagonal.log().sum()


@register_kl(MatrixVariate, Independent)
def _divergence(q: MatrixVariate, p: Independent) -> Tensor:
    """Return the divergence from independent normals, which needs the variances of q only."""
    if not isinstance(p.base_dist, Normal) or p.event_shape != q.event_shape:
        raise NotImplementedError

    scale = p.base_dist.scale
    differences = q.loc - p.base_dist.loc
    squared = differences.square() + q.variance
    quadratic = squared / (2 * scale.square())

    elements = quadratic + scale.log() - 0.5

    return elements.sum() - q.log_volume()
