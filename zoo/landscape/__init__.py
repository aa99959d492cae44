"""Landscape: the negative log posterior along lines, curves and planes of weights."""

from zoo.landscape.align import align
from zoo.landscape.animation import animate
from zoo.landscape.connect import connect
from zoo.landscape.curvature import curvature
from zoo.landscape.curve import Curve
from zoo.landscape.flatness import Flatness, flatness
from zoo.landscape.heights import heights
from zoo.landscape.line import Line, line
from zoo.landscape.linear_updates import LinearUpdates, linear_updates
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
    "Curve",
    "Flatness",
    "Line",
    "LinearUpdates",
    "Plane",
    "Projection",
    "SimplicialComplex",
    "Spectrum",
    "align",
    "animate",
    "connect",
    "curvature",
    "flatness",
    "heights",
    "line",
    "linear_updates",
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
