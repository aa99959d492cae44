"""The picture of ranks marks where a line leaves the band, as the test of ranks says."""

import torch
from matplotlib.figure import Figure

from zoo import plots
from zoo.diagnostics.ranks import Ranks

UNIFORM = torch.arange(100).repeat(10)


def drawn(values):
    """Return the axis of the ranks of one quantity, and whether the test refuses them."""
    ranks = Ranks({"f": values}, 99)
    ax = plots.ranks(ranks.ranks, 99, ranks.critical, ax=Figure().add_subplot())
    return ax, bool(ranks.outside)


def test_uniform_ranks_have_no_crosses():
    ax, is_refused = drawn(UNIFORM)
    line, zero = ax.lines
    assert not is_refused
    assert zero.get_ydata()[0] == 0
    assert abs(line.get_ydata()).max() < 1e-12


def test_a_line_that_leaves_the_band_at_one_rank_has_a_cross_there():
    values = UNIFORM.clone()
    values[values == 1] = 0
    values[(values == 2).nonzero()[:5, 0]] = 0  # 25 of rank 0 instead of 10
    ax, is_refused = drawn(values)

    crosses = ax.lines[1]
    assert is_refused
    assert crosses.get_linestyle() == "None"
    assert crosses.get_xdata().tolist() == [0.01]


def test_a_stretch_outside_of_the_band_has_one_cross_where_it_is_farthest_outside():
    ax, _ = drawn(UNIFORM // 2)  # the truth is too low, everywhere
    line, crosses, _ = ax.lines
    assert len(crosses.get_xdata()) == 1
    assert crosses.get_ydata()[0] == line.get_ydata().max()
