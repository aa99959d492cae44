"""Site posterior: draws of a weight or a node, with those of its prior."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor
from torch.distributions import Distribution

from zoo.plots.canvas import GREY, as_array, axis, colors

Index = int | tuple[int, ...]

_MOST_HISTOGRAMS = 3
_MOST_ENTRIES = 40
_NUM_PRIOR_DRAWS = 4000
_TRANSPARENT = "40"  # alpha in hexadecimal


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
    histograms, or a wide bar behind the intervals. If the interval of an entry is that
    of its prior, the data have no information about it.

    Arguments:
        draws: Draws of the site, (S, ...); weights, or the z of a node prior.
        prior: Draws of the prior, (S', ...) with the shape of the site, or (S',) if all
            entries share it; or the distribution itself, from which 4,000 draws are
            taken without use of the global random state.
        entries: Which entries to show, as indices such as 3 or (0, 2); by default the
            first forty, in order.
        name: Name of the site, for the labels.
        ax: Axis to draw on; by default that of a new figure.

    Raises:
        ValueError: Shapes that do not fit, or an entry that is not in the site.

    Example:
        >>> import torch
        >>> from matplotlib.figure import Figure
        >>> from zoo import plots
        >>> prior = torch.distributions.Normal(0.0, 1.0)
        >>> draws, ax = 0.1 * torch.randn(200, 5, 2), Figure().add_subplot()
        >>> ax = plots.site_posterior(draws, prior, name="0.weight", ax=ax)
        >>> [label.get_text() for label in ax.get_yticklabels()][:2]
        ['0.weight[0, 0]', '0.weight[0, 1]']
    """
    shape = tuple(torch.as_tensor(draws).shape[1:])
    indices = _indices(shape, entries)
    values = _entries_of(draws, "draws", "S", indices)  # (S, E)
    prior_values = None
    if prior is not None:
        prior_values = _prior_values(prior, shape, indices)  # (S', E)
    labels = [_label(name, index) for index in indices]

    if len(indices) <= _MOST_HISTOGRAMS:
        ax = axis(ax)
        _draw_histograms(ax, values, prior_values, labels)
        ax.set_xlabel(name or "value")
    else:
        ax = axis(ax, (6.4, 1.2 + 0.24 * len(indices)))
        _draw_intervals(ax, values, prior_values, labels)
    return ax


def _indices(
    shape: tuple[int, ...], entries: Sequence[Index] | None
) -> list[tuple[int, ...]]:
    """Return the indices of the entries to show."""
    if entries is None:
        everywhere = product(*[range(size) for size in shape])
        return list(everywhere)[:_MOST_ENTRIES]
    if not entries:
        raise ValueError("entries is empty; name one, as entries=[0], or omit it.")

    indices = []
    for entry in entries:
        index = (entry,) if isinstance(entry, int) else tuple(entry)
        if not _is_inside(index, shape):
            raise ValueError(
                f"entry {index} is not in a site of shape {shape}; give {len(shape)} index(es) "
                "for each entry, as entries=[(0, 1), (0, 2)] for a matrix."
            )
        indices.append(index)
    return indices


def _is_inside(index: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    if len(index) != len(shape):
        return False
    pairs = zip(index, shape, strict=True)
    return all(-size <= i < size for i, size in pairs)


def _label(name: str, index: tuple[int, ...]) -> str:
    if not index:
        return name
    listed = ", ".join(map(str, index))
    return f"{name}[{listed}]"


def _entries_of(
    draws: Tensor, name: str, number: str, indices: list[tuple[int, ...]]
) -> np.ndarray:
    """Return some entries of draws, a column for each.

    Arguments:
        draws: The draws.
        name: The name of the argument, for the error message.
        number: The name of the number of draws, for the error message.
        indices: The indices of the entries.
    """
    sizes = [str(size) for size in torch.as_tensor(draws).shape[1:]]
    values = as_array(draws, name, ", ".join([number, *sizes]))
    columns = [values[:, *index] for index in indices]
    return np.stack(columns, -1)


def _prior_values(
    prior: Tensor | Distribution, shape: tuple[int, ...], indices: list[tuple[int, ...]]
) -> np.ndarray:
    """Return draws of the prior of each entry, (S', E)."""
    draws = _draws_of(prior) if isinstance(prior, Distribution) else prior
    prior_shape = tuple(torch.as_tensor(draws).shape[1:])
    if not prior_shape:
        shared = as_array(draws, "prior", "S'")
        return np.repeat(shared[:, None], len(indices), 1)
    if prior_shape != shape:
        raise ValueError(
            f"prior has draws of shape {prior_shape}, the site {shape}; give draws of the site's "
            "shape, (S', ...), or (S',) for a prior all entries share."
        )
    return _entries_of(draws, "prior", "S'", indices)


def _draws_of(prior: Distribution) -> Tensor:
    """Draw from a distribution with a seed of its own."""
    with torch.random.fork_rng(devices=[]):
        # torch.manual_seed would also seed the GPU
        torch.default_generator.manual_seed(0)
        return prior.sample(torch.Size([_NUM_PRIOR_DRAWS]))


def _draw_histograms(
    ax: Axes, values: np.ndarray, prior: np.ndarray | None, labels: list[str]
) -> None:
    if prior is not None:
        # one density, because entries that are shown together mostly share their prior
        first = prior[:, 0]
        limits = np.quantile(first, (0.005, 0.995))  # of a prior with heavy tails
        counts, edges = np.histogram(first, bins=50, range=tuple(limits))
        density = counts / len(first) / np.diff(edges)
        ax.stairs(
            density,
            edges,
            fill=True,
            color=GREY,
            alpha=0.35,
            label="prior",
        )

    num_bins = min(40, 2 + math.isqrt(len(values)))
    shades = colors(len(labels))
    for column, label, color in zip(values.T, labels, shades, strict=True):
        style = {"facecolor": color + _TRANSPARENT, "edgecolor": color}
        ax.hist(
            column,
            bins=num_bins,
            density=True,
            histtype="stepfilled",
            label=label,
            **style,
        )
    ax.set(ylabel="density", ylim=(0, None))
    ax.legend(frameon=False)


def _draw_intervals(
    ax: Axes, values: np.ndarray, prior: np.ndarray | None, labels: list[str]
) -> None:
    rows = np.arange(len(labels))
    color = colors(1)[0]
    if prior is not None:
        low, high = np.quantile(prior, (0.05, 0.95), axis=0)
        bars = ax.barh(
            rows,
            high - low,
            0.8,
            left=low,
            color=GREY,
            alpha=0.25,
        )
        bars.set_label("prior, 90 %")
    low, high = np.quantile(values, (0.05, 0.95), axis=0)
    ax.hlines(
        rows,
        low,
        high,
        color=color,
        linewidth=2,
        label="posterior, 90 %",
    )
    ax.plot(
        values.mean(0),
        rows,
        "o",
        color=color,
        markersize=4,
        label="mean",
    )

    ax.set_yticks(rows, labels)
    ax.invert_yaxis()
    ax.set_xlabel("value")
    ax.legend(
        loc="lower center",
        bbox_to_anchor=(0.5, 1),
        ncols=3,
        frameon=False,
    )
