"""Pictures of landscapes: lines, curves, planes, spectra and patterns."""

from functools import cache

import torch

from tests.gallery.fits import moons
from zoo import landscape, plots

CROSS = torch.tensor(
    [
        [0, 0, 1, 0, 0],
        [0, 0, 1, 0, 0],
        [1, 1, 1, 1, 1],
        [0, 0, 1, 0, 0],
        [0, 0, 1, 0, 0],
    ]
)


@cache
def connected():
    data, a, b = moons()
    return landscape.connect(
        a, b, data, num_epochs=60, batch_size=None, num_points=25, progress=False
    )


def line():
    data, a, b = moons()
    return landscape.line(a, b, data).plot()


def curve():
    return connected().plot()


def profile_of_three():
    data, a, b = moons()
    curve = connected()
    aligned = landscape.align(a, b, data.train.x)
    return plots.profile(
        curve.profile.t,
        {
            "straight line": landscape.line(a, b, data, 25).values,
            "line, units aligned": landscape.line(a, aligned, data, 25).values,
            "curve": curve.profile.values,
        },
        ylabel="negative log posterior, nats per datum",
    )


def complex_of_simplexes():
    data, a, b = moons()
    found = landscape.simplex(
        [a, b], data, num_vertices=2, num_epochs=20, num_points=41, progress=False
    )
    return found.plot()


def plane():
    data, a, b = moons()
    return landscape.plane(a, b, connected().bend, data=data, shape=(15, 15)).plot()


def solid():
    data, a, _ = moons()
    found = landscape.random_plane(a, data, shape=(15, 15))
    return found.plot(solid=True)


def surface():
    data, a, b = moons()
    found = landscape.plane(a, b, connected().bend, data=data, shape=(15, 15))
    draws = landscape.project(found, connected()).coordinates
    x, y = found.x, found.y
    return plots.surface(
        x, y, found.values, points=found.points, draws=draws, label="nats per datum"
    )


def spectrum():
    data, a, _ = moons()
    return landscape.curvature(a, data).plot()


def few_eigenvalues():
    values = torch.logspace(3, -3, 40)
    return plots.spectrum(values, torch.arange(1, 41), 1.0)


def pattern():
    data, a, _ = moons()
    found = landscape.pattern(
        CROSS.bool(), a.model, data, num_epochs=40, cells=8, lr=0.02, progress=False
    )
    return found.plot()


def pattern_of_loss():
    loss = torch.where(CROSS.bool(), 0.05, 2.5) + 0.01 * torch.rand(5, 5)
    return plots.pattern(CROSS, {"loss, nats": loss})


PICTURES = {
    "Line.plot": line,
    "Curve.plot": curve,
    "profile": profile_of_three,
    "SimplicialComplex.plot": complex_of_simplexes,
    "Plane.plot": plane,
    "Plane.plot/solid": solid,
    "surface": surface,
    "Spectrum.plot": spectrum,
    "spectrum": few_eigenvalues,
    "Pattern.plot": pattern,
    "pattern": pattern_of_loss,
}
