"""Matrix normal guide: the rows and the columns of a weight matrix covary, W ~ MN(M, U, V)."""

from __future__ import annotations

from typing import Any, Literal

from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

from guides._base.parameters import (
    ByName,
    correlation_factor,
    positive,
    raw_scale,
    selected,
)
from guides._base.program import PyroModel
from guides._base.site import Site
from guides._lazy.matrix_variate import LazyMatrixVariate, MatrixVariate
from guides.mean_field import MeanField

_MAX_SIDE = 10_000  # a dense covariance factor of one side then takes 400 MB in float32


class MatrixNormal(MeanField):
    r"""Matrix normals: a covariance of the rows and one of the columns of each weight matrix.

    .. math:: W = M + A E B^T, \quad E_{oi} \sim N(0, 1), \quad
        U = A A^T \; (O \times O), \; V = B B^T \; (I \times I)

    The weight (O, C, *kernel) of a convolution is seen as the matrix (O, C * kernel). Every
    site that is no matrix, e.g. a bias or a node, is mean-field normal. U and V are
    diagonal as in the paper, which takes O + I parameters for OI standard deviations, or
    dense. A linear layer that a model of zoo applies once per example draws its output
    instead of the weight. That is exact and independent from example to example:

    .. math:: a_n = M x_n + \sqrt{x_n^T V x_n} \, A \epsilon_n

    The divergence from independent normals is in closed form. On multi-output linear
    regression without bias the posterior is matrix normal, with U diagonal and V the
    inverse precision of the inputs.

    References:
        Structured and Efficient Variational Deep Learning with Matrix Gaussian Posteriors
        (Louizos, Welling, 2016)

    Arguments:
        model: A Pyro model.
        structure: "diagonal" or "full" covariances of rows and columns.
        init_scale: Initial standard deviation of every element, in unconstrained space.
        max_scale: Ceiling of the standard deviations, none by default.
        example: Arguments to run the model with once. Models of zoo need none.

    Raises:
        ValueError: An unknown structure; full covariances of more than 10,000 rows or
            columns; a scale that is not positive or not below its ceiling; a discrete
            site.

    Example:
        >>> MatrixNormal(model).num_parameters()  # 81 loc, 11 scales, 27 scales of sides
        119
    """

    scale_parameters = ("rho.*", "row*", "column*")

    def __init__(
        self,
        model: PyroModel,
        *,
        structure: Literal["diagonal", "full"] = "diagonal",
        init_scale: float = 0.05,
        max_scale: float | None = None,
        example: tuple[Any, ...] = (),
    ) -> None:
        super().__init__(
            model, init_scale=init_scale, max_scale=max_scale, example=example
        )
        if structure not in ("diagonal", "full"):
            raise ValueError(
                f"structure must be 'diagonal' or 'full', not {structure!r}"
            )

        self.structure = structure
        self.matrices = [name for name, site in self.sites.items() if _is_matrix(site)]
        others = [name for name in self.sites if name not in self.matrices]
        self.rho = selected(self.rho, others)

        # A standard deviation is a row's scale times a column's scale.
        self.side_max = None if max_scale is None else max_scale**0.5
        init_side = init_scale**0.5
        rows = {}
        columns = {}
        for name in self.matrices:
            matrix = self.loc[name].flatten(1)  # (O, I)
            rows[name] = raw_scale(matrix[:, 0], init_side, self.side_max)
            columns[name] = raw_scale(matrix[0], init_side, self.side_max)

        self.row = ByName(rows)
        self.column = ByName(columns)

        if structure == "full":
            self.row_lower = self._correlations("row", self.row)
            self.column_lower = self._correlations("column", self.column)

    def factors(self, name: str) -> tuple[Tensor, Tensor]:
        """Return Cholesky factors of U and V, (O, O) and (I, I), or diagonals (O,) and (I,)."""
        row = positive(self.row[name], self.side_max)
        column = positive(self.column[name], self.side_max)

        if self.structure == "diagonal":
            return row, column

        row_lower = self.row_lower[name]
        row_factor = correlation_factor(row_lower, len(row))
        row_factor = row.unsqueeze(-1) * row_factor

        column_lower = self.column_lower[name]
        column_factor = correlation_factor(column_lower, len(column))
        column_factor = column.unsqueeze(-1) * column_factor

        return row_factor, column_factor

    def scale(self, name: str) -> Tensor:
        """Return the standard deviations of a site, in unconstrained space."""
        if name not in self.matrices:
            return super().scale(name)

        row, column = self.factors(name)
        distribution = MatrixVariate(self.loc[name], row, column)

        return distribution.variance.sqrt()

    def distribution(self, site: Site) -> TorchDistributionMixin:
        """Return the matrix normal of a weight, or the normal of another site."""
        if site.name not in self.matrices:
            return super().distribution(site)

        row, column = self.factors(site.name)
        return LazyMatrixVariate(self.loc[site.name], row, column)

    def distributions(self) -> dict[str, TorchDistributionMixin]:
        """Return the present distribution of each site as a constant, with ordinary draws."""
        found = super().distributions()
        for name, distribution in found.items():
            found[name] = distribution.expand(distribution.batch_shape)

        return found

    def _correlations(self, side: Literal["row", "column"], scales: ByName) -> ByName:
        """Return the parameters of the correlations of one side, all 0 at first.

        Arguments:
            side: "row" or "column".
            scales: The scales of that side, by site name.
        """
        lower = {}
        for name in self.matrices:
            scale = scales[name]
            size = len(scale)

            if size > _MAX_SIDE:
                raise ValueError(
                    f"site {name!r} has {size:,} {side}s, too many for a dense covariance "
                    f"({_MAX_SIDE:,} at most); use structure='diagonal' or guides.LowRank"
                )

            lower[name] = scale.new_zeros(size * (size - 1) // 2)

        return ByName(lower)


def _is_matrix(site: Site) -> bool:
    """Return whether a site is a weight with rows and columns, unbounded and in no plate."""
    return site.is_real and site.init.dim() > 1 and not site.prior.batch_shape
