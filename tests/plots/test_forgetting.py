"""Forgetting is drawn as a heat map of each method and the curves of all."""

import pytest
import torch
from matplotlib.figure import Figure

from zoo import plots

R = torch.tensor([[0.9, float("nan")], [0.6, 0.8]])


def test_each_method_has_a_heat_map_and_a_curve():
    figure = Figure()
    two_seeds = torch.stack([R, R - 0.1])
    assert plots.forgetting({"a": R, "b": two_seeds}, figure=figure) is figure
    first, second, curves = figure.axes
    assert [text.get_text() for text in first.texts] == ["90", "60", "80"]
    assert [text.get_text() for text in second.texts] == ["85", "55", "75"]
    assert first.images[0].get_clim() == second.images[0].get_clim()
    assert first.images[0].get_clim() == pytest.approx((0.5, 1.0))

    lines = curves.lines
    assert lines[0].get_ydata() == pytest.approx([0.9, 0.7])
    assert curves.get_legend_handles_labels()[1] == ["a", "b"]


def test_matrices_of_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"b has shape \(1, 3, 3\); give numbers of"):
        plots.forgetting({"a": R, "b": torch.eye(3)})
    with pytest.raises(ValueError, match="there is no matrix to draw"):
        plots.forgetting({})
