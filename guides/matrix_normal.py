"""Matrix normal guide: the rows and the columns of a weight matrix covary, W ~ MN(M, U, V)."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from pyro.distributions import constraints
from pyro.distributions.torch_distribution import (
    TorchDistribution,
    TorchDistributionMixin,
)
from torch import Tensor
from torch.distributions import Independent, Normal, register_kl

from guides._base.parameters import ByName, filled, positive
from guides._base.site import Site
from guides._lazy.lazy import Lazy, plain
from guides.full_rank import correlation_factor
from guides.mean_field import MeanField

LIMIT = 10_000  # rows or columns: a dense covariance factor of one side takes 400 MB in float32


class MatrixNormal(MeanField):
    r"""Matrix normals: each weight matrix with a covariance of its rows and one of its columns.

    .. math:: W = M + A E B^T, \quad E_{oi} \sim N(0, 1), \quad U = A A^T \; (O \times O), \; V = B B^T \; (I \times I)

    A convolution's weight (O, C, *kernel) is the matrix (O, C * kernel). Biases, nodes
    and whatever else is no matrix are mean-field normal. U and V are diagonal as in the
    paper, which takes O + I numbers for OI standard deviations, or dense. A linear
    layer that is applied once per example draws its output instead, which is exact and
    independent from example to example:

    .. math:: a_n = M x_n + \sqrt{x_n^T V x_n} \, A \epsilon_n

    The divergence from independent normals is in closed form. On multi-output linear
    regression without bias the posterior is matrix normal, with U diagonal and V the
    inverse precision of the inputs.

    References:
        Structured and Efficient Variational Deep Learning with Matrix Gaussian Posteriors (Louizos, Welling, 2016)

    Arguments:
        model: A Pyro model.
        structure: "diagonal" or "full" covariances of rows and columns.
        init_scale: Standard deviation of every number at the start, in unconstrained
            space.
        max_scale: Ceiling of the standard deviations, none by default.
        example: Arguments to run the model with once; the zoo's models need none.

    Raises:
        ValueError: An unknown structure; full covariances of more than 10,000 rows or
            columns; a scale that is not positive or above its ceiling; a discrete site.

    Example:
        >>> MatrixNormal(model).num_parameters()  # 81 loc, 11 scales of biases, (10 + 6) + (1 + 10) of sides
        119
    """

    def __init__(
        self,
        model: Callable[..., object],
        *,
        structure: str = "diagonal",
        init_scale: float = 0.05,
        max_scale: float | None = None,
        example: tuple = (),
    ) -> None:
        super().__init__(
            model, init_scale=init_scale, max_scale=max_scale, example=example
        )
        if structure not in ("diagonal", "full"):
            raise ValueError(f"structure is 'diagonal' or 'full', not {structure!r}")
        self.structure = structure
        matrices = {
            name: self.loc[name].flatten(1)
            for name, site in self.sites.items()
            if is_matrix(site)
        }
        self.rho = ByName(
            {name: self.rho[name] for name in self.sites if name not in matrices}
        )
        root, self.side_max = (
            init_scale**0.5,
            None if max_scale is None else max_scale**0.5,
        )
        self.row = ByName(
            {
                name: filled(matrix[:, 0], root, self.side_max)
                for name, matrix in matrices.items()
            }
        )
        self.column = ByName(
            {
                name: filled(matrix[0], root, self.side_max)
                for name, matrix in matrices.items()
            }
        )
        self.matrices = list(matrices)
        if structure == "full":
            self.add_correlations()

    def add_correlations(self) -> None:
        """Give rows and columns the correlations that they can have, none at the start."""
        free: dict[str, dict[str, Tensor]] = {"row": {}, "column": {}}
        for side, found in free.items():
            for name in self.matrices:
                like = getattr(self, side)[name]
                if len(like) > LIMIT:
                    raise ValueError(
                        f"site {name!r} has {len(like):,} {side}s, too many for a dense covariance ({LIMIT:,} at "
                        "most); use structure='diagonal' or guides.LowRank"
                    )
                found[name] = like.new_zeros(len(like) * (len(like) - 1) // 2)
        self.row_lower, self.column_lower = ByName(free["row"]), ByName(free["column"])

    def factors(self, name: str) -> tuple[Tensor, Tensor]:
        """Return Cholesky factors of U and V: (O, O) and (I, I), or their diagonals (O,) and (I,)."""
        row, column = (
            positive(rho[name], self.side_max) for rho in (self.row, self.column)
        )
        if self.structure == "diagonal":
            return row, column
        row = row.unsqueeze(-1) * correlation_factor(self.row_lower[name], len(row))
        return row, column.unsqueeze(-1) * correlation_factor(
            self.column_lower[name], len(column)
        )

    def scale(self, name: str) -> Tensor:
        """Return the standard deviations of a site, in unconstrained space."""
        if name not in self.matrices:
            return super().scale(name)
        return MatrixVariate(self.loc[name], *self.factors(name)).variance.sqrt()

    def distribution(self, site: Site) -> TorchDistributionMixin:
        """Return the matrix normal of a weight, or the normal of another site."""
        if site.name not in self.matrices:
            return super().distribution(site)
        return LazyMatrixVariate(self.loc[site.name], *self.factors(site.name))

    def distributions(self) -> dict[str, TorchDistributionMixin]:
        """Return the present distribution of each site, its draws ordinary ones."""
        return {
            name: law.expand(law.batch_shape)
            for name, law in super().distributions().items()
        }


class MatrixVariate(TorchDistribution):
    """A matrix normal over a tensor (O, *rest), its factors (O, O) and (I, I) or diagonals (O,) and (I,)."""

    arg_constraints = {}  # noqa: RUF012
    has_rsample = True

    def __init__(
        self,
        loc: Tensor,
        row: Tensor,
        column: Tensor,
        batch_shape: torch.Size = torch.Size(),  # noqa: B008
    ) -> None:
        self.loc, self.row, self.column = loc, row, column
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
        row, column = (
            f.square() if f.dim() == 1 else f.square().sum(-1)
            for f in (self.row, self.column)
        )
        return (
            (row.unsqueeze(-1) * column)
            .reshape(self.loc.shape)
            .expand(self._extended_shape())
        )

    def rsample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:  # noqa: B008
        """Draw E and give it the covariances."""
        shape = self._extended_shape(sample_shape)
        noise = torch.randn(*shape, dtype=self.loc.dtype, device=self.loc.device)
        noise = noise.flatten(noise.dim() - self.loc.dim() + 1)  # (*S, O, I)
        noise = times_transposed(noise, self.column)
        return self.loc + times_transposed(noise.mT, self.row).mT.reshape(shape)

    def expand(
        self, batch_shape: torch.Size, _instance: object = None
    ) -> MatrixVariate:
        """Return the distribution for a batch of draws, ordinary ones."""
        return MatrixVariate(self.loc, self.row, self.column, torch.Size(batch_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density."""
        noise = value - self.loc
        noise = noise.flatten(noise.dim() - self.loc.dim() + 1)
        noise = solved(self.row, solved(self.column, noise.mT).mT)  # A^-1 (W - M) B^-T
        rows, columns = noise.shape[-2:]
        volume = columns * log_det(self.row) + rows * log_det(self.column)
        return (
            -0.5 * noise.square().sum((-2, -1))
            - volume
            - 0.5 * rows * columns * math.log(2 * math.pi)
        )


class LazyMatrixVariate(MatrixVariate):
    """A matrix normal whose single draw is a `LazyMatrix`."""

    def rsample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:  # noqa: B008
        """Draw lazily; a batch of draws is drawn at once."""
        return (
            super().rsample(sample_shape)
            if sample_shape
            else LazyMatrix(self.loc, self)
        )


class LazyMatrix(Lazy):
    """A weight ~ MN(M, U, V) that a linear layer replaces by the law of its output."""

    def __init__(self, like: Tensor, law: MatrixVariate) -> None:
        self.law = law

    def draw(self) -> Tensor:
        """Draw the weight itself."""
        return self.law.expand(self.law.batch_shape).rsample()

    def output(
        self,
        layer: Callable[..., Tensor],
        x: Tensor,
        bias: Tensor | None,
        *args: object,
        **kwargs: object,
    ) -> Tensor | None:
        """Draw the output of each example; where one weight serves several outputs of an example, None."""
        if layer is not F.linear or x.dim() > 2:
            return None
        mean = F.linear(x, self.law.loc, plain(bias))
        spread = times_transposed(
            x, self.law.column.mT if self.law.column.dim() == 2 else self.law.column
        )
        # an input of zeros has no variance, and the root no slope there
        spread = spread.square().sum(-1, keepdim=True).clamp_min(1e-16).sqrt()  # (B, 1)
        return mean + spread * times_transposed(torch.randn_like(mean), self.law.row)


def is_matrix(site: Site) -> bool:
    """Tell whether a site is a weight with rows and columns, unbounded and in no plate."""
    return site.is_real and site.init.dim() > 1 and not site.prior.batch_shape


def times_transposed(x: Tensor, factor: Tensor) -> Tensor:
    """Return x F^T for a factor F, or for a diagonal one given by its diagonal."""
    return x * factor if factor.dim() == 1 else x @ factor.mT


def solved(factor: Tensor, x: Tensor) -> Tensor:
    """Return F^-1 x, for x (*, N, M)."""
    if factor.dim() == 1:
        return x / factor.unsqueeze(-1)
    return torch.linalg.solve_triangular(factor, x, upper=False)


def log_det(factor: Tensor) -> Tensor:
    """Return log |F|."""
    return (factor if factor.dim() == 1 else factor.diagonal()).log().sum()


@register_kl(MatrixVariate, Independent)
def _divergence(q: MatrixVariate, p: Independent) -> Tensor:
    """KL from independent normals in closed form: of the prior's term only the variances matter."""
    if not isinstance(p.base_dist, Normal) or p.event_shape != q.event_shape:
        raise NotImplementedError
    scale = p.base_dist.scale
    squared = ((q.loc - p.base_dist.loc).square() + q.variance) / (2 * scale.square())
    rows, columns = len(q.loc), q.loc[0].numel()
    volume = columns * log_det(q.row) + rows * log_det(q.column)
    return (squared + scale.log() - 0.5).sum() - volume
