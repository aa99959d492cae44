"""A legend finds a place without curves, or gets one."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from zoo.plots.legends import legend_inside


def drawn(*heights, yscale="linear"):
    """Return an axis with curves."""
    ax = Figure(figsize=(4, 3)).add_subplot()
    x = np.linspace(0, 1, 50)
    for height in heights:
        ax.plot(x, height(x), label=f"{height(0.0):.2g}")
    ax.set_yscale(yscale)
    return ax


def test_a_legend_in_a_free_corner_changes_nothing():
    ax = drawn(lambda x: x)
    limits = ax.get_ylim()
    legend_inside(ax)
    assert ax.get_ylim() == limits


@pytest.mark.parametrize("yscale", ["linear", "log"])
def test_room_is_made_where_every_corner_has_a_curve(yscale):
    ax = drawn(*(lambda x, k=k: 1 + k + 0 * x for k in range(9)), yscale=yscale)
    low, high = ax.get_ylim()
    legend_inside(ax, ncols=3)
    ax.figure.draw_without_rendering()
    assert ax.get_ylim()[0] == low
    assert ax.get_ylim()[1] > high >= max(ax.get_yticks())
    bottom = ax.get_legend().get_window_extent().y0
    highest = ax.transData.transform((0, 9))[1]
    assert bottom > highest


def test_a_curve_without_points_covers_nothing():
    ax = drawn(lambda x: x)
    ax.plot([], [], label="nothing")
    legend_inside(ax)
    assert len(ax.get_legend().get_texts()) == 2
