"""The volume of simplexes, and points that are uniform in them."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def volume(points: Tensor) -> Tensor:
    r"""Return the volume of a simplex by the determinant of Cayley and Menger.

    .. math:: V^2 = \frac{(-1)^{k + 1}}{2^k (k!)^2} \det
        \begin{pmatrix} 0 & 1^\top \\ 1 & D \end{pmatrix}, \quad D_{ij} = \lVert z_i - z_j \rVert^2

    A simplex of two points has their distance.

    Arguments:
        points: The k + 1 vertices, (k + 1, P), k at least 1.

    Returns:
        The volume (), in double precision. Its gradient at a flat simplex is zero.
    """
    points = points.double()
    number = len(points)
    sides = points[:, None] - points[None]  # from the differences, without cancellation
    squares = sides.square().sum(-1)
    scale = squares.detach().max()  # so that the determinant is of order 1

    border = torch.ones(
        number + 1, number + 1, dtype=points.dtype, device=points.device
    )
    border[0, 0] = 0.0
    matrix = border.clone()
    matrix[1:, 1:] = squares / scale

    k = number - 1
    factor = (-1) ** (k + 1) / (2**k * math.factorial(k) ** 2)
    square = (factor * torch.linalg.det(matrix)).clamp_min(1e-30)

    return square.sqrt() * scale ** (k / 2)


def uniform_weights(number: int, size: int) -> Tensor:
    r"""Return the weights of the vertices at uniform points of a simplex, (S, K).

    .. math:: w_k = e_k / \textstyle\sum_j e_j, \quad e_k \sim \text{Exponential}(1)

    Arguments:
        number: Number of points S.
        size: Number of vertices K.
    """
    exponentials = torch.empty(number, size).exponential_()

    return exponentials / exponentials.sum(-1, keepdim=True)
