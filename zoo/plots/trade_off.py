"""Fidelity against cost: how close to the truth a guide comes, and what that takes in time or in parameters."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator
from matplotlib.transforms import Bbox
from torch import Tensor

from zoo.plots import canvas
from zoo.plots.canvas import axis, numbers

# Where a label may stand, in points from its dot, best place first: (right, up, alignment).
PLACES = [
    (right, up, "left" if right > 0 else "right" if right < 0 else "center")
    for up, sides in ((0, (9, -9)), (11, (0, 6, -6)), (-11, (0, 6, -6)), (22, (0, 8, -8)),
                      (-22, (0, 8, -8)), (33, (0, 8, -8)), (-33, (0, 8, -8)))
    for right in sides
]  # fmt: skip


def fidelity(
    names: Sequence[str],
    costs: Tensor | Sequence[float],
    scores: Tensor | Sequence[float],
    floor: float | None = None,
    *,
    colors: Sequence[str] | None = None,
    xlabel: str = "seconds to fit",
    ylabel: str = "distance from the truth",
    yscale: str = "linear",
    ax: Axes | None = None,
) -> Axes:
    r"""Draw a dot for each guide, its score over what it costs, and the floor as a band.

    .. math:: \text{score}_i \ge 0, \quad 0 \text{ is the truth itself}

    The floor is what two independent runs of the truth score against each other: a
    guide inside the band cannot be told from the truth by these draws.

    Arguments:
        names: Names of the guides, (G,).
        costs: What each costs, (G,), above 0: seconds to fit, say, or parameters; the
            axis is logarithmic.
        scores: Distance of each from the truth, lower is closer, (G,).
        floor: The score that the truth gets against itself.
        colors: A colour for each, (G,).
        xlabel: What the cost is, with its unit.
        ylabel: What the score is, with its unit.
        yscale: "linear" from 0, or "log" for many guides of which some are far away.
        ax: Axis to draw on; a new figure without it.

    Example:
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> ax = Figure().add_subplot()
        >>> ax = plots.fidelity(["Delta", "MeanField"], [1.2, 3.4], [0.9, 0.3], 0.05, ax=ax)
        >>> sorted(text.get_text() for text in ax.texts)
        ['Delta', 'MeanField', 'truth against itself']
    """
    names = list(names)
    costs = numbers(costs, "costs", f"{len(names)}")
    scores = numbers(scores, "scores", f"{len(names)}")
    if not (costs > 0).all():
        raise ValueError(
            f"costs are {costs.tolist()}; the axis is logarithmic, give numbers > 0."
        )
    shades = canvas.colors(len(names)) if colors is None else colors

    ax = axis(ax)
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.set_yscale(yscale)
    _limits(ax, costs, scores, floor)
    if floor is not None:
        ax.axhspan(0, floor, color=canvas.TRUTH, alpha=0.25, linewidth=0)
        ax.annotate(
            "truth against itself", (0, floor), (4, -3), xycoords=("axes fraction", "data"),
            textcoords="offset points", ha="left", va="top", color="#595959", fontsize="small",
        )  # fmt: skip
    for cost, score, shade in zip(costs, scores, shades, strict=True):
        ax.plot(cost, score, "o", color=shade, markersize=9, clip_on=False, zorder=3)
    _labels(ax, names, costs, scores, shades)
    return ax


def _limits(
    ax: Axes, costs: np.ndarray, scores: np.ndarray, floor: float | None
) -> None:
    low, high = costs.min().item(), costs.max().item()
    pad = max((high / low) ** 0.15, 1.5)
    ax.set_xlim(low / pad, high * pad)
    finite = [*scores[np.isfinite(scores)].tolist(), floor or 0.0]
    if ax.get_yscale() == "log":
        positive = [score for score in finite if score > 0] or [1.0]
        ax.set_ylim(0.6 * min(positive), 1.5 * max(positive))
    else:
        ax.set_ylim(min([0.0, *finite]), 1.1 * max(finite) or 1.0)


def _labels(
    ax: Axes,
    names: list[str],
    costs: np.ndarray,
    scores: np.ndarray,
    shades: Sequence[str],
) -> None:
    """Put each name where it covers least, in steps of a few points around its dot."""
    ax.figure.canvas.figure.draw_without_rendering()  # the layout moves axes when it first draws
    scale = ax.figure.dpi / 72
    dots = ax.transData.transform(np.stack([costs, scores], -1))
    taken = [
        Bbox.from_bounds(x - 6 * scale, y - 6 * scale, 12 * scale, 12 * scale)
        for x, y in dots
    ]
    for i in sorted(range(len(names)), key=lambda i: scores[i]):
        boxes = [_box(dots[i], place, names[i], scale) for place in PLACES]
        cost = [_cost(box, taken[:i] + taken[i + 1 :], ax.bbox) + 1e-3 * rank
                for rank, box in enumerate(boxes)]  # fmt: skip
        best = cost.index(min(cost))
        right, up, side = PLACES[best]
        taken.append(boxes[best])
        ax.annotate(names[i], (costs[i], scores[i]), (right, up), textcoords="offset points",
                    ha=side, va="center", color=shades[i], zorder=4)  # fmt: skip


def _box(
    dot: Sequence[float], place: tuple[float, float, str], name: str, scale: float
) -> Bbox:
    right, up, side = place
    width, height = (
        6.0 * len(name) * scale,
        12 * scale,
    )  # a letter of 10 points is about 6 wide
    left = {"left": 0, "center": width / 2, "right": width}[side]
    return Bbox.from_bounds(
        dot[0] + right * scale - left, dot[1] + up * scale - height / 2, width, height
    )


def _cost(box: Bbox, taken: list[Bbox], frame: Bbox) -> float:
    shared = [Bbox.intersection(box, other) for other in [*taken, frame]]
    areas = [0.0 if part is None else part.width * part.height for part in shared]
    area = box.width * box.height
    return (sum(areas[:-1]) + (area - areas[-1])) / area
