"""Curvatures of a grid: those of a polynomial, and the share that is not convex."""

import math

import pytest
import torch

from zoo.landscape.surfaces.grid_curvature import (
    grid_curvatures,
    nonconvex_share,
    num_minima,
)


def grid(function):
    """Return coordinates of 41 columns and 31 rows, and a function's values on them."""
    x, y = (
        torch.linspace(-1, 1, 41, dtype=torch.float64),
        torch.linspace(-1.5, 1.5, 31, dtype=torch.float64),
    )
    up, right = torch.meshgrid(y, x, indexing="ij")
    return x, y, function(right, up)


def test_curvatures_of_a_tilted_quadratic_are_its_eigenvalues():
    matrix = torch.tensor([[3.0, 1.0], [1.0, -0.5]]).double()

    def quadratic(x, y):
        place = torch.stack([x, y], -1)
        return 0.5 * ((place @ matrix) * place).sum(-1) + 2 * x - y

    found = grid_curvatures(*grid(quadratic))
    assert found.shape == (29, 39, 2)
    assert torch.allclose(found, torch.linalg.eigvalsh(matrix).expand_as(found))
    assert nonconvex_share(*grid(quadratic)) == 1.0  # a saddle

    bowl = grid(lambda x, y: x**2 + 3 * y**2)
    assert nonconvex_share(*bowl) == 0.0
    assert num_minima(bowl[2]) == 1


def test_the_share_and_the_minima_of_waves_are_known():
    waves = grid(lambda x, y: -torch.cos(2 * math.pi * x) + y**2)
    # the second derivative is proportional to the cosine: half of the inner columns, 2 on edges
    assert nonconvex_share(*waves) == pytest.approx(0.5, abs=0.03)
    assert num_minima(waves[2]) == 1  # those at x = -1 and 1 are on the edge
    two = grid(lambda x, y: (x**2 - 0.25) ** 2 + y**2)
    assert num_minima(two[2]) == 2
