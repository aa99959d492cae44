"""Eigenvalues and eigenvectors of a curvature, the largest of them or all."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def matrix_of(operator: Any) -> Tensor:
    """Return a small operator as a symmetric matrix in double precision, (P, P)."""
    identity = torch.eye(
        operator.shape[0], dtype=operator.dtype, device=operator.device
    )
    matrix = (operator @ identity).detach().double()

    return (matrix + matrix.T) / 2


def largest(
    operator: Any, number: int, tolerance: float = 1e-4
) -> tuple[Tensor, Tensor]:
    """Return the largest eigenvalues (K,) by Lanczos iterations, and eigenvectors (P, K).

    Arguments:
        operator: A symmetric operator of curvlinops.
        number: Number of eigenvalues K, fewer than P.
        tolerance: Their error, as a share of them.
    """
    from scipy.sparse.linalg import eigsh

    start = torch.randn(operator.shape[0]).double().numpy()
    values, vectors = eigsh(
        operator.to_scipy(), k=number, which="LA", v0=start, tol=tolerance
    )
    vectors = torch.from_numpy(vectors.copy())

    return torch.from_numpy(values.copy()).flip(0), vectors.flip(1)
