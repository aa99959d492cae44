"""Landscape: the negative log posterior along lines, curves and planes of weights."""

from zoo.landscape.curves.connect import connect
from zoo.landscape.curves.curve import Curve
from zoo.landscape.curves.simplex import simplex
from zoo.landscape.curves.simplicial_complex import SimplicialComplex
from zoo.landscape.films.animation import animate
from zoo.landscape.films.trajectory import Projection, project
from zoo.landscape.linear.linear_updates import LinearUpdates, linear_updates
from zoo.landscape.minima.bad_minimum import bad_minimum
from zoo.landscape.minima.basin import Basin, basin
from zoo.landscape.minima.minima import Minima
from zoo.landscape.patterns.pattern import pattern
from zoo.landscape.patterns.pattern_grid import Pattern
from zoo.landscape.points.heights import heights
from zoo.landscape.spectra.curvature import curvature
from zoo.landscape.spectra.flatness import Flatness, flatness
from zoo.landscape.spectra.spectrum import Spectrum
from zoo.landscape.surfaces.line import Line, line
from zoo.landscape.surfaces.plane import plane
from zoo.landscape.surfaces.random_plane import random_plane
from zoo.landscape.surfaces.surface import Plane
from zoo.landscape.units.align import align
from zoo.landscape.units.permuted import permuted
from zoo.landscape.units.relabelled import relabelled
from zoo.landscape.units.rescaled import rescaled

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
    "relabelled",
    "rescaled",
    "simplex",
]


def __dir__() -> list[str]:
    """Return the public names."""
    return list(__all__)
