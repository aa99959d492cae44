"""The figure of super-resolution: an image, what it costs to remove pixels, the scores."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from torch import Tensor

from zoo import plots
from zoo.datasets import Split
from zoo.datasets.luminance import LUMINANCE_UNITS, bicubic
from zoo.experiments.parts.pixel_scores import SETS, PixelScores
from zoo.experiments.parts.scored_pixels import NOMINAL
from zoo.experiments.running.run import Run
from zoo.plots.canvas import COLORS
from zoo.posterior.posterior import Posterior

_SHOWN = ("Set5", "butterfly")
_CROP = 32  # pixels of the small image
_SCORES = {
    "psnr": "PSNR, dB",
    "nll": "NLL, nats per pixel",
    "coverage %": f"coverage of {NOMINAL:.0%} intervals, %",
    "ause": "AUSE",
}
_STYLES = dict(zip(SETS, ((COLORS[0], "o"), (COLORS[1], "s")), strict=True))


def draw_pixel_scores(
    run: Run, scores: PixelScores, posterior: Posterior, names: Sequence[str]
) -> None:
    """Draw an image, its uncertainty and error, sparsification curves and scores.

    Arguments:
        run: The run, which gets the figure.
        scores: The scores.
        posterior: The posterior of the image.
        names: The names of the predictions with uncertainty.
    """
    with run.report.panels(rows=2, columns=6, title=run.experiment.name) as axes:
        _draw_image(run, scores, posterior, axes[0])
        for ax, images in zip(axes[1], SETS, strict=False):
            _draw_curves(ax, scores, names, images)

        others = axes[1, len(SETS) :]
        for ax, score in zip(others, _SCORES, strict=True):
            _draw_score(ax, scores, names, score)
            ax.label_outer(remove_inner_ticks=False)
            ax.tick_params(labelleft=ax is others[0])


def _draw_image(
    run: Run, scores: PixelScores, posterior: Posterior, axes: Sequence[Axes]
) -> None:
    """Draw a part of an image: small, interpolated, mean, standard deviation, error, target."""
    image = _shown(scores.images)
    large = bicubic(image.x, scores.factor)
    number = posterior.num_available(scores.num_samples)

    with run.scores.same_draws():
        prediction = posterior.predict(image.x, num_samples=number, progress=False)

    loc, scale = LUMINANCE_UNITS
    in_greys = prediction.affine(loc, scale)
    std = in_greys.epistemic.sqrt()
    greys = [LUMINANCE_UNITS.restore(each) for each in (image.x, large)]
    greys += [in_greys.mean, std, LUMINANCE_UNITS.restore(image.y)]
    plots.super_resolution(*(each[0, 0] for each in greys), axes=axes)
    axes[3].set_title("epistemic sd", fontsize="small")


def _shown(images: dict[str, dict[str, Split]]) -> Split:
    """Return the middle of the image that is shown, or of the first one if it is absent."""
    pairs = images[_SHOWN[0]]
    x, y = pairs.get(_SHOWN[1], next(iter(pairs.values())))
    factor = y.shape[-1] // x.shape[-1]
    side = min(_CROP, *x.shape[-2:])
    top, left = ((length - side) // 2 for length in x.shape[-2:])

    def cut(each: Tensor, times: int) -> Tensor:
        rows = slice(times * top, times * (top + side))
        columns = slice(times * left, times * (left + side))
        return each[..., rows, columns]

    return Split(cut(x, 1), cut(y, factor))


def _draw_curves(
    ax: Axes, scores: PixelScores, names: Sequence[str], images: str
) -> None:
    """Draw the sparsification curves on a set of images."""
    curves = {name: scores.curve(name, images) for name in names}
    errors = {name: curve["error"] for name, curve in curves.items()}
    first = curves[names[0]]
    plots.sparsification(first["fractions"], errors, first["oracle"], ax=ax)
    ax.set_title(images, fontsize="small")
    ax.legend(frameon=False, fontsize=5)


def _draw_score(
    ax: Axes, scores: PixelScores, names: Sequence[str], score: str
) -> None:
    """Draw a score of every prediction, with two standard errors over images."""
    for images, (color, marker) in _STYLES.items():
        numbers = [scores.number(name, images, score) for name in names]
        values = [number.value for number in numbers]
        bars = [number.two_errors for number in numbers]
        ax.errorbar(values, names, xerr=bars, fmt=marker, color=color, label=images)

    if score == "coverage %":
        ax.axvline(100 * NOMINAL, color="grey", linewidth=1, linestyle="--")

    if score == "psnr":
        ax.legend(frameon=False, fontsize="x-small")

    ax.invert_yaxis()
    ax.set_xlabel(_SCORES[score], fontsize="small")
    ax.tick_params(labelsize="x-small")
