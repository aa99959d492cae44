"""Pictures of super-resolution: what they show, and what does not fit."""

import pytest
import torch
from matplotlib.figure import Figure

from zoo import plots


def test_an_image_has_six_panels_and_two_scales():
    axes = Figure().subplots(1, 6)
    mean, std, target = torch.rand(3, 6, 9)
    plots.super_resolution(
        torch.rand(2, 3), mean, mean, std, target, axes=axes, limits=(0.0, 1.0)
    )
    titles = [ax.get_title() for ax in axes]
    assert titles == [
        *("low resolution", "bicubic", "mean"),
        *("standard deviation", "absolute error", "target"),
    ]
    assert axes[0].images[0].get_array().shape == (2, 3)
    shown = torch.as_tensor(axes[4].images[0].get_array())
    torch.testing.assert_close(shown.float(), (mean - target).abs())
    assert axes[2].images[0].get_clim() == axes[5].images[0].get_clim() == (0.0, 1.0)
    assert axes[3].images[0].get_clim()[0] == 0
    assert len(axes[0].figure.axes) == 6 + 2
    with pytest.raises(ValueError, match="give 6 axes, not 2"):
        plots.super_resolution(mean, mean, mean, std, target, axes=axes[:2])
    with pytest.raises(ValueError, match=r"std has shape \(2, 3\); .* \(6, 9\)"):
        plots.super_resolution(mean, mean, mean, torch.rand(2, 3), target, axes=axes)


def test_sparsification_has_a_line_for_each_and_the_oracle():
    ax = Figure().add_subplot()
    errors = {"one": [1.0, 0.8, 0.5], "other": torch.tensor([1.0, 0.9, 0.7])}
    plots.sparsification([0.0, 0.3, 0.6], errors, [1.0, 0.6, 0.2], ax=ax)
    labels = [line.get_label() for line in ax.lines]
    assert labels == ["at random", "one", "other", "oracle"]
    assert list(ax.lines[1].get_xdata()) == [0, 30, 60]
    assert list(ax.lines[3].get_ydata()) == [1.0, 0.6, 0.2]
    assert ax.get_ylim()[0] == 0
    with pytest.raises(ValueError, match="at least one posterior"):
        plots.sparsification([0.0, 0.5], {}, ax=ax)
    with pytest.raises(ValueError, match=r"two has shape \(3,\)"):
        plots.sparsification([0.0, 0.5], {"two": [1.0, 2.0, 3.0]}, ax=ax)
