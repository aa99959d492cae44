"""A reliability diagram shows its bins, and a site posterior the chosen entries."""

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from torch.distributions import Normal

from zoo import plots


def test_reliability_bars_are_accuracies_and_the_gap_reaches_the_confidence():
    confidence = torch.tensor([torch.nan, 0.3, 0.6, 0.9])
    accuracy = torch.tensor([torch.nan, 0.4, 0.6, 0.7])
    ax = Figure().add_subplot()
    assert (
        plots.reliability_diagram(
            confidence, accuracy, torch.tensor([0, 10, 10, 20]), ax=ax
        )
        is ax
    )
    bars, gaps = ax.containers
    assert [bar.get_height() for bar in bars] == pytest.approx([0.4, 0.6, 0.7])
    assert [bar.get_x() + bar.get_width() / 2 for bar in bars] == pytest.approx(
        [0.375, 0.625, 0.875]
    )
    assert [gap.get_y() + gap.get_height() for gap in gaps] == pytest.approx(
        [0.3, 0.6, 0.9]
    )
    assert (
        ax.texts[0].get_text() == "ECE 0.125"
    )  # (10 * 0.1 + 20 * 0.2) / 40, not the mean 0.1
    below = ax.child_axes[0].containers[0]
    assert [bar.get_height() for bar in below] == [10, 10, 20]


def test_reliability_names_the_argument_that_does_not_fit():
    three = torch.rand(3)
    with pytest.raises(ValueError, match=r"accuracy has shape \(2,\); .* \(3,\)"):
        plots.reliability_diagram(three, torch.rand(2), three)
    with pytest.raises(ValueError, match="count is zero in every bin"):
        plots.reliability_diagram(three, three, torch.zeros(3))


def test_many_entries_become_means_with_their_intervals_over_the_prior():
    draws = torch.randn(500, 4, 2, dtype=torch.float64)
    ax = Figure().add_subplot()
    assert plots.site_posterior(draws, 3 * torch.randn(5000), name="w", ax=ax) is ax
    torch.testing.assert_close(
        torch.as_tensor(ax.lines[0].get_xdata()), draws.mean(0).flatten()
    )
    segments = torch.as_tensor(np.stack(ax.collections[0].get_segments()))  # (E, 2, 2)
    torch.testing.assert_close(segments[:, 0, 0], draws.quantile(0.05, dim=0).flatten())
    torch.testing.assert_close(segments[:, 1, 0], draws.quantile(0.95, dim=0).flatten())
    assert [label.get_text() for label in ax.get_yticklabels()][3] == "w[1, 1]"
    for bar in ax.patches:
        assert bar.get_width() == pytest.approx(2 * 1.645 * 3, rel=0.1)


def test_few_entries_become_densities_of_area_one():
    draws = torch.randn(400, 4, 2)
    ax = plots.site_posterior(
        draws, Normal(0.0, 2.0), entries=[(0, 1), (3, 0)], name="w"
    )
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["prior", "w[0, 1]", "w[3, 0]"]
    prior, *entries = ax.patches
    height, edges, _ = prior.get_data()
    assert (height * (edges[1:] - edges[:-1])).sum() == pytest.approx(0.99, abs=2e-3)
    for patch, values in zip(entries, (draws[:, 0, 1], draws[:, 3, 0]), strict=True):
        corners = torch.as_tensor(patch.get_path().vertices)
        assert corners[:, 0].min() == pytest.approx(values.min().item(), abs=1e-5)
        x, y = corners.T
        assert (x * y.roll(-1) - y * x.roll(-1)).sum().abs() / 2 == pytest.approx(
            1.0, abs=1e-6
        )


def test_draws_of_the_prior_do_not_change_the_random_state():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    plots.site_posterior(torch.zeros(5, 6), Normal(torch.zeros(6), 1.0))
    assert torch.equal(torch.rand(3), expected)


def test_scalar_sites_and_node_sites_can_be_drawn():
    assert plots.site_posterior(torch.rand(50), name="scale").get_xlabel() == "scale"
    assert len(plots.site_posterior((torch.rand(50, 3) < 0.5).float()).patches) == 3


def test_site_posterior_names_what_does_not_fit():
    draws = torch.randn(10, 4, 2)
    with pytest.raises(
        ValueError, match=r"entry \(3,\) is not in a site of shape \(4, 2\)"
    ):
        plots.site_posterior(draws, entries=[3])
    with pytest.raises(ValueError, match=r"entry \(4, 0\) is not in"):
        plots.site_posterior(draws, entries=[(4, 0)])
    with pytest.raises(
        ValueError, match=r"prior has draws of shape \(2, 4\), the site \(4, 2\)"
    ):
        plots.site_posterior(draws, torch.randn(10, 2, 4))
    with pytest.raises(ValueError, match=r"draws has shape \(\); give .* \(S,\)"):
        plots.site_posterior(torch.tensor(1.0))
