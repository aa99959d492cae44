"""Site posterior: what the data taught a weight or a node, with its prior beside it."""

import math
from collections.abc import Sequence
from itertools import product

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor
from torch.distributions import Distribution

from zoo.plots.canvas import TRUTH, axis, colors, numbers

Index = int | tuple[int, ...]


def site_posterior(
    draws: Tensor,
    prior: Tensor | Distribution | None = None,
    *,
    entries: Sequence[Index] | None = None,
    name: str = "",
    ax: Axes | None = None,
) -> Axes:
    r"""Draw histograms of up to three entries of a site, or means and 90 % intervals of more.

    .. math:: \text{interval} = [\,q_{0.05},\; q_{0.95}\,]

    Histograms are densities: each has area 1. The prior is grey: a density behind the
    histograms, a wide bar behind the intervals. An entry whose interval is its prior's
    has learned nothing.

    Arguments:
        draws: Draws of the site, (S, ...); weights, or the z of a node prior.
        prior: Draws of the prior, (S', ...) as the site or (S',) where all entries
            share it, or the distribution itself, from which 4,000 draws are taken
            beside the global seed.
        entries: Which entries to show, as indices such as 3 or (0, 2); without it the
            first forty, in order.
        name: Name of the site, for the labels.
        ax: Axis to draw on; a new figure without it.

    Example:
        >>> import torch
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> prior = torch.distributions.Normal(0.0, 1.0)
        >>> draws = 0.1 * torch.randn(200, 5, 2)
        >>> ax = plots.site_posterior(draws, prior, name="0.weight", ax=Figure().add_subplot())
        >>> [label.get_text() for label in ax.get_yticklabels()][:2]
        ['0.weight[0, 0]', '0.weight[0, 1]']
    """
    shape = tuple(torch.as_tensor(draws).shape[1:])
    values = numbers(draws, "draws", ", ".join(["S", *map(str, shape)]))
    indices = _indices(shape, entries)
    values = np.stack([values[:, *i] for i in indices], -1)  # (S, E)
    before = None if prior is None else _prior_draws(prior, shape, indices)  # (S', E)
    labels = [f"{name}[{', '.join(map(str, i))}]" if i else name for i in indices]
    if len(indices) <= 3:
        return _histograms(values, before, labels, name, axis(ax))
    return _intervals(
        values, before, labels, axis(ax, (6.4, 1.2 + 0.24 * len(indices)))
    )


def _indices(
    shape: tuple[int, ...], entries: Sequence[Index] | None
) -> list[tuple[int, ...]]:
    if entries is None:
        return list(product(*map(range, shape)))[:40]
    indices = [
        (entry,) if isinstance(entry, int) else tuple(entry) for entry in entries
    ]
    for index in indices:
        inside = (-size <= i < size for i, size in zip(index, shape, strict=False))
        if len(index) != len(shape) or not all(inside):
            raise ValueError(
                f"entry {index} is not in a site of shape {shape}; give {len(shape)} index(es) "
                "for each entry, as entries=[(0, 1), (0, 2)] for a matrix."
            )
    if not indices:
        raise ValueError("entries is empty; name one, as entries=[0], or leave it out.")
    return indices


def _prior_draws(
    prior: Tensor | Distribution, shape: tuple[int, ...], indices: list[tuple[int, ...]]
) -> np.ndarray:
    if isinstance(prior, Distribution):
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(
                0
            )  # torch.manual_seed would reach the GPU's too
            prior = prior.sample(torch.Size([4000]))
    found = tuple(torch.as_tensor(prior).shape[1:])
    before = numbers(prior, "prior", ", ".join(["S'", *map(str, found)]))
    if not found:
        return np.repeat(before[:, None], len(indices), 1)
    if found != shape:
        raise ValueError(
            f"prior has draws of shape {found}, the site {shape}; "
            "give draws of the site's shape, (S', ...), or (S',) for a prior all entries share."
        )
    return np.stack([before[:, *i] for i in indices], -1)


def _histograms(
    values: np.ndarray,
    before: np.ndarray | None,
    labels: list[str],
    name: str,
    ax: Axes,
) -> Axes:
    if (
        before is not None
    ):  # one grey shade: entries shown together mostly share their prior
        first = before[:, 0]
        low, high = np.quantile(
            first, (0.005, 0.995)
        )  # a heavy tail would hide the middle
        count, edges = np.histogram(first, bins=50, range=(low, high))
        density = count / len(first) / np.diff(edges)
        ax.stairs(density, edges, fill=True, color=TRUTH, alpha=0.35, label="prior")
    bins = min(40, 2 + math.isqrt(len(values)))
    for column, label, color in zip(values.T, labels, colors(len(labels)), strict=True):
        style = {
            "histtype": "stepfilled",
            "facecolor": color + "40",
            "edgecolor": color,
        }
        ax.hist(column, bins=bins, density=True, label=label, **style)
    ax.set(xlabel=name or "value", ylabel="density", ylim=(0, None))
    ax.legend(frameon=False)
    return ax


def _intervals(
    values: np.ndarray, before: np.ndarray | None, labels: list[str], ax: Axes
) -> Axes:
    row, color = np.arange(len(labels)), colors(1)[0]
    if before is not None:
        low, high = np.quantile(before, (0.05, 0.95), axis=0)
        ax.barh(
            row, high - low, 0.8, left=low, color=TRUTH, alpha=0.25, label="prior, 90 %"
        )
    low, high = np.quantile(values, (0.05, 0.95), axis=0)
    ax.hlines(row, low, high, color=color, linewidth=2, label="posterior, 90 %")
    ax.plot(values.mean(0), row, "o", color=color, markersize=4, label="mean")
    ax.set_yticks(row, labels)
    ax.invert_yaxis()
    ax.set_xlabel("value")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, frameon=False)
    return ax
