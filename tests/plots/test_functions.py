"""The curves are the draws."""

import pytest
import torch
from matplotlib.figure import Figure

from zoo import plots

X = torch.linspace(-1, 1, 30)


def test_each_curve_is_a_draw():
    draws = torch.randn(5, 30, dtype=torch.float64)
    ax = Figure().add_subplot()
    assert plots.functions(X, draws, num_functions=4, label="prior", ax=ax) is ax
    assert len(ax.lines) == 4
    for line, draw in zip(ax.lines, draws, strict=False):
        torch.testing.assert_close(torch.as_tensor(line.get_ydata()), draw)
    assert ax.get_legend_handles_labels()[1] == ["prior"]


def test_the_data_lie_on_top():
    x, y = torch.randn(7), torch.randn(7)
    ax = plots.functions(X, torch.randn(3, 30), observed=(x, y))
    torch.testing.assert_close(torch.as_tensor(ax.lines[3].get_ydata()), y.double())
    assert ax.get_legend_handles_labels()[1] == ["3 draws", "data"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x", "f(x)")


def test_what_does_not_fit_is_refused():
    with pytest.raises(
        ValueError, match=r"draws has shape \(30, 9\); give .* \(S, 30\)"
    ):
        plots.functions(X, torch.randn(30, 9))
    with pytest.raises(
        ValueError, match="num_functions must be a number of curves, at least 1, not 0"
    ):
        plots.functions(X, torch.randn(9, 30), num_functions=0)
