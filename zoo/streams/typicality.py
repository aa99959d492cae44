"""Typicality: a two-sided test of whether a batch is from the distribution of reference data."""

from __future__ import annotations

import torch
from torch import Tensor

_NUM_RESAMPLED = 2_000  # so that the smallest probability is 0.0005


class Typicality:
    r"""A two-sided test of a batch by the mean of statistics such as its log density.

    .. math:: T^2 = \frac{(\bar s_B - \bar s_M)^\top \Sigma^{-1} (\bar s_B - \bar s_M)}
        {1/B + 1/M}

    Σ is the covariance of the M reference statistics. The distribution of T² under the
    hypothesis is that of batches and references which are resampled from the reference,
    each with replacement. So a batch from the distribution of the reference is rejected at
    a level α with probability α, up to terms of the order 1/B and 1/M. The reference must
    be held out: the densities of training data are larger.

    Should not be confused with a test of whether the density is low. Data of another
    distribution may have a higher density than those that a model was fitted to.

    References:
        Detecting Out-of-Distribution Inputs to Deep Generative Models Using Typicality
        (Nalisnick, Matsukawa, Teh, Lakshminarayanan, 2019)
        Density of States Estimation for Out-of-Distribution Detection (Morningstar, Ham,
        Gallagher, Lakshminarayanan, Alemi, Dillon, 2021)

    Arguments:
        reference: Statistics of M held-out data, (M, S).

    Raises:
        ValueError: Statistics of another shape, that are not finite or do not vary, or of too
            few data.

    Example:
        >>> test = Typicality(torch.randn(500, 1))
        >>> test.p_value(torch.randn(50, 1)) > test.p_value(0.1 * torch.randn(50, 1) + 1.0)
        True
    """

    def __init__(self, reference: Tensor) -> None:
        _check(reference)
        self.reference = reference.detach().cpu().double()
        self._factor = _factor(self.reference)
        self._null: dict[int, Tensor] = {}  # by the size of the batch

    def p_value(self, batch: Tensor) -> float:
        """Return the probability of a batch from the reference's distribution as unusual as this.

        Arguments:
            batch: Statistics of the data of a batch, (B, S).
        """
        size = len(batch)
        mean = batch.detach().cpu().double().mean(0, keepdim=True)
        value = self._square(mean - self.reference.mean(0), size)
        number = int((self.null(size) >= value).sum())

        return (1 + number) / (1 + _NUM_RESAMPLED)

    def null(self, size: int) -> Tensor:
        """Return T² of resampled batches of a size, in ascending order."""
        if size not in self._null:
            batches = self._means(size)
            references = self._means(len(self.reference))
            squares = self._square(batches - references, size)
            self._null[size] = squares.sort().values

        return self._null[size]

    def _means(self, size: int) -> Tensor:
        """Return the means of resampled batches, (_NUM_RESAMPLED, S), by a fixed seed."""
        number = len(self.reference)
        random = torch.Generator().manual_seed(size)
        sums = []
        for _ in range(_NUM_RESAMPLED // 100):
            rows = torch.randint(number, (100, size), generator=random)
            sums.append(self.reference[rows].mean(1))

        return torch.cat(sums)

    def _square(self, difference: Tensor, size: int) -> Tensor:
        """Return T² of differences of means (R, S), (R,)."""
        whitened = torch.linalg.solve_triangular(
            self._factor, difference.T, upper=False
        )
        variance = 1 / size + 1 / len(self.reference)

        return whitened.square().sum(0) / variance

    def __repr__(self) -> str:
        number, size = self.reference.shape
        return f"Typicality({number} reference data, {size} statistics)"


def _factor(reference: Tensor) -> Tensor:
    """Return the Cholesky factor of the covariance of statistics, (S, S).

    Raises:
        ValueError: Statistics that do not vary.
    """
    covariance = torch.cov(reference.T).reshape(reference.shape[1], -1)
    factor, info = torch.linalg.cholesky_ex(covariance)
    if info > 0:
        raise ValueError(
            "the statistics of the reference do not vary, or one is a combination of the others; "
            "leave it out"
        )

    return factor


def _check(reference: Tensor) -> None:
    """Refuse statistics that are no matrix of finite numbers with enough rows."""
    shape = tuple(reference.shape)
    least = 2 + reference.shape[-1]
    if len(shape) != 2 or shape[0] < least:
        raise ValueError(
            f"reference must be statistics (M, S) of at least {least} held-out data, not {shape}"
        )

    if not bool(torch.isfinite(reference).all()):
        raise ValueError(
            "reference holds NaN or infinite statistics; leave these data out"
        )
