"""Landscape: the negative log posterior along lines, curves and planes of weights."""

from zoo.landscape.align import align
from zoo.landscape.animation import animate
from zoo.landscape.bad_minimum import bad_minimum
from zoo.landscape.basin import Basin, basin
from zoo.landscape.connect import connect
from zoo.landscape.curvature import curvature
from zoo.landscape.curve import Curve
from zoo.landscape.flatness import Flatness, flatness
from zoo.landscape.heights import heights
from zoo.landscape.line import Line, line
from zoo.landscape.linear_updates import LinearUpdates, linear_updates
from zoo.landscape.minima import Minima
from zoo.landscape.pattern import pattern
from zoo.landscape.pattern_grid import Pattern
from zoo.landscape.permuted import permuted
from zoo.landscape.plane import plane
from zoo.landscape.random_plane import random_plane
from zoo.landscape.rescaled import rescaled
from zoo.landscape.simplex import simplex
from zoo.landscape.simplicial_complex import SimplicialComplex
from zoo.landscape.spectrum import Spectrum
from zoo.landscape.surface import Plane
from zoo.landscape.trajectory import Projection, project

__all__ = [
    "Basin",
    "Curve",
    "Flatness",
    "Line",
    "LinearUpdates",
    "Minima",
    "Pattern",
    "Plane",
    "Projection",
    "SimplicialComplex",
    "Spectrum",
    "align",
    "animate",
    "bad_minimum",
    "basin",
    "connect",
    "curvature",
    "flatness",
    "heights",
    "line",
    "linear_updates",
    "pattern",
    "permuted",
    "plane",
    "project",
    "random_plane",
    "rescaled",
    "simplex",
]


def __dir__() -> list[str]:
    """Return the public names."""
    return list(__all__)
