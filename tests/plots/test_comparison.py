"""The comparison shows each guide against the reference, and what its fit costs."""

import pytest
import torch
from matplotlib.figure import Figure

from zoo import plots

X = torch.linspace(-1, 1, 30)
NAMES = [
    "Delta",
    "MeanField",
    "LocalReparam",
    "MCDropout",
    "LowRank",
    "Radial",
    "Laplace",
]


def arguments(number):
    names = NAMES[:number]
    bands = {name: torch.randn(20, 30) for name in names}
    seconds = {name: 1.0 + i for i, name in enumerate(names)}
    scores = {name: 0.1 * (1 + i) for i, name in enumerate(names)}
    return X, torch.randn(40, 30), bands, seconds, scores


def test_fidelity_puts_a_dot_and_a_name_for_each_guide_above_the_floor():
    ax = Figure().add_subplot()
    assert (
        plots.fidelity(["a", "b"], torch.tensor([1.0, 10.0]), [0.4, 0.2], 0.1, ax=ax)
        is ax
    )
    assert [(*line.get_xdata(), *line.get_ydata()) for line in ax.lines] == [
        (1, 0.4),
        (10, 0.2),
    ]
    assert ax.patches[0].get_y() == 0
    assert ax.patches[0].get_height() == pytest.approx(0.1)
    assert ax.get_xscale() == "log"
    assert {text.get_text() for text in ax.texts} == {
        "reference against itself",
        "a",
        "b",
    }


def test_the_names_of_guides_on_one_spot_do_not_cover_each_other():
    ax = plots.fidelity(
        NAMES[:5], [1, 1.01, 1.02, 1.03, 1.04], [0.5, 0.5, 0.51, 0.51, 0.5]
    )
    ax.figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in ax.texts]
    for i, box in enumerate(boxes):
        assert box.count_overlaps(boxes[:i]) == 0


def test_fidelity_names_what_does_not_fit():
    with pytest.raises(ValueError, match=r"scores has shape \(1,\); .* \(2,\)"):
        plots.fidelity(["a", "b"], [1, 2], [0.5])
    with pytest.raises(ValueError, match="the axis is logarithmic"):
        plots.fidelity(["a", "b"], [0, 2], [0.5, 0.1])


def test_fidelity_takes_any_cost_on_either_scale():
    ax = plots.fidelity(
        ["a", "b"], [100, 10_000], [0.4, 0.02], 0.01, xlabel="parameters", yscale="log"
    )
    assert (ax.get_xlabel(), ax.get_yscale()) == ("parameters", "log")
    low, high = ax.get_ylim()
    assert 0 < low < 0.01 < 0.4 < high
    assert plots.fidelity(["a", "b"], [1, 2], [0.4, 0.02], 0.01).get_ylim()[0] == 0


@pytest.mark.parametrize("number", [1, 3, 7])
def test_a_comparison_has_a_panel_for_each_guide_and_one_for_fidelity(number):
    figure = plots.comparison(*arguments(number), floor=0.05, xlabel="x", ylabel="f")
    assert isinstance(figure, Figure)
    assert [ax.get_title(loc="left") for ax in figure.axes[:-1]] == NAMES[:number]
    assert len(figure.axes[-1].lines) == number
    figure.draw_without_rendering()


def test_panels_draw_the_quantiles_of_guide_and_reference():
    x, reference, bands, seconds, scores = arguments(2)
    figure = plots.comparison(x, reference, bands, seconds, scores, figure=Figure())
    panel = figure.axes[1]
    median = torch.as_tensor(panel.lines[-1].get_ydata())
    torch.testing.assert_close(median, bands["MeanField"].double().quantile(0.5, dim=0))
    for collection, draws in zip((panel.collections[0], panel.collections[2]),
                                 (reference, bands["MeanField"]), strict=True):  # fmt: skip
        low = torch.as_tensor(collection.get_paths()[0].vertices[1:31, 1])
        torch.testing.assert_close(low, draws.double().quantile(0.05, dim=0))


def test_a_guide_far_away_does_not_set_the_range():
    x, reference, bands, seconds, scores = arguments(2)
    bands["Delta"] = bands["Delta"] * 1e6
    figure = plots.comparison(x, reference, bands, seconds, scores)
    low, high = figure.axes[0].get_ylim()
    assert -10 < low < high < 10
    assert figure.axes[1].get_ylim() == (low, high)
    [note] = figure.axes[0].texts
    assert note.get_text().startswith("down to -")
    assert not figure.axes[1].texts


def test_a_guide_near_the_reference_is_seen_whole():
    x, reference, bands, seconds, scores = arguments(1)
    bands["Delta"] = reference + 2.0
    figure = plots.comparison(x, reference, bands, seconds, scores)
    _, high = figure.axes[0].get_ylim()
    assert high > bands["Delta"].double().quantile(0.95, dim=0).max()


def test_the_reference_may_have_a_dot_of_its_own():
    x, reference, bands, seconds, scores = arguments(2)
    figure = plots.comparison(
        x, reference, bands, {**seconds, "NUTS": 90.0}, {**scores, "NUTS": 0.05},
        observed=(torch.zeros(3), torch.ones(3)),
    )  # fmt: skip
    assert len(figure.axes) == 3
    assert len(figure.axes[-1].lines) == 3


def test_a_comparison_names_what_does_not_fit():
    x, reference, bands, seconds, scores = arguments(2)
    with pytest.raises(ValueError, match=r"reference has shape \(30,\); .* \(S, 30\)"):
        plots.comparison(x, reference[0], bands, seconds, scores)
    with pytest.raises(ValueError, match=r"bands\['Delta'\] has shape"):
        plots.comparison(
            x, reference, {**bands, "Delta": torch.zeros(2, 3)}, seconds, scores
        )
    with pytest.raises(ValueError, match=r"seconds \['Delta'\], .*the same names"):
        plots.comparison(x, reference, bands, {"Delta": 1.0}, scores)
    with pytest.raises(ValueError, match="bands is empty"):
        plots.comparison(x, reference, {}, {}, {})
