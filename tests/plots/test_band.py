"""The band shows quantiles, and the training curve a running mean."""

import matplotlib
import pytest
import torch
from matplotlib.figure import Figure

from zoo import plots

X = torch.linspace(-1, 1, 30)


def outline(collection):
    """Return the lower and the upper edge of a filled band, from its outline."""
    y = torch.as_tensor(collection.get_paths()[0].vertices[:, 1])
    return y[1:31], y[32:62].flip(0)


def test_a_band_is_the_quantiles_of_its_draws():
    draws = torch.randn(200, 30, dtype=torch.float64)
    ax = Figure().add_subplot()
    assert plots.predictive_band(X, draws=draws, levels=(0.5, 0.9), ax=ax) is ax
    for collection, level in zip(ax.collections, (0.9, 0.5), strict=True):
        low, high = outline(collection)
        torch.testing.assert_close(low, draws.quantile((1 - level) / 2, dim=0))
        torch.testing.assert_close(high, draws.quantile((1 + level) / 2, dim=0))
    median = torch.as_tensor(ax.lines[0].get_ydata())
    torch.testing.assert_close(median, draws.quantile(0.5, dim=0))


def test_a_band_of_mean_and_std_is_normal():
    mean, std = X.double(), 0.1 + X.double().square()
    ax = plots.predictive_band(X, mean, std, levels=[0.9], ax=Figure().add_subplot())
    low, high = outline(ax.collections[0])
    torch.testing.assert_close(high, mean + 1.6448536269514722 * std)
    torch.testing.assert_close(low, mean - 1.6448536269514722 * std)


def test_a_band_draws_the_data_on_top():
    x, y = torch.randn(7), torch.randn(7)
    ax = plots.predictive_band(
        X, draws=torch.randn(9, 30), observed=(x, y), label="guide"
    )
    torch.testing.assert_close(torch.as_tensor(ax.lines[1].get_ydata()), y.double())
    assert ax.lines[0].get_label() == "guide"


def test_a_band_needs_draws_or_moments_of_its_inputs():
    with pytest.raises(
        ValueError, match=r"draws has shape \(30, 9\); give .* \(S, 30\)"
    ):
        plots.predictive_band(X, draws=torch.randn(30, 9))
    with pytest.raises(ValueError, match="either draws, or mean and std"):
        plots.predictive_band(X, torch.zeros(30))
    with pytest.raises(
        ValueError, match=r"std has shape \(1,\); give numbers of shape \(30,\)"
    ):
        plots.predictive_band(X, torch.zeros(30), torch.ones(1))
    with pytest.raises(ValueError, match="probabilities between 0 and 1"):
        plots.predictive_band(X, draws=torch.randn(9, 30), levels=(50, 90))


def test_the_training_curve_draws_the_losses_and_their_running_mean():
    losses = torch.randn(100, dtype=torch.float64)
    ax = Figure().add_subplot()
    assert plots.training_curve(losses, window=10, ax=ax) is ax
    raw, smooth = (torch.as_tensor(line.get_ydata()) for line in ax.lines)
    torch.testing.assert_close(raw, losses)
    torch.testing.assert_close(smooth[9:], losses.unfold(0, 10, 1).mean(-1))
    torch.testing.assert_close(smooth[3], losses[:4].mean())
    assert "−ELBO" in ax.get_ylabel()  # noqa: RUF001


def test_huge_first_losses_and_a_bad_step_do_not_flatten_the_training_curve():
    losses = 1 + 1e6 * torch.exp(-torch.arange(1000.0)) + 0.01 * torch.randn(1000)
    losses[500], losses[700] = 1e9, torch.nan
    ax = plots.training_curve(losses, ax=Figure().add_subplot())
    low, high = ax.get_ylim()
    assert 0.9 < low < high < 1.1
    assert ax.texts[0].get_text() == "first step: 1e+06"
    assert torch.as_tensor(ax.lines[1].get_ydata()).isfinite().all()


def test_the_training_curve_names_what_it_cannot_draw():
    with pytest.raises(ValueError, match=r"losses has shape \(2, 3\); .* \(T,\)"):
        plots.training_curve(torch.zeros(2, 3))
    with pytest.raises(ValueError, match="window is 0"):
        plots.training_curve(torch.zeros(3), window=0)
    plots.training_curve(torch.full((3,), torch.nan))  # of a failed fit


def test_no_plot_changes_the_settings_of_matplotlib():
    before = dict(matplotlib.rcParams)
    plots.predictive_band(X, draws=torch.randn(9, 30))
    plots.training_curve(torch.randn(9))
    assert dict(matplotlib.rcParams) == before
