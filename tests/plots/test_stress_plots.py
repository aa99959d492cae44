"""Plots of corrupted inputs and of whole networks show the values that they are given."""

import pytest
import torch
from matplotlib.figure import Figure

from zoo import plots

SCORES = {"accuracy": [0.9, 0.5], "entropy": [0.2, 1.0], "epistemic": [0.1, 0.6]}
IMAGES = torch.rand(12, 1, 6, 6)
NATS = torch.linspace(0.1, 2.0, 12)
KERNELS = (torch.randn(6, 3, 5, 5), torch.rand(6, 3, 5, 5))
MATRIX = (torch.randn(10, 4), torch.rand(10, 4))


def test_severity_puts_posteriors_side_by_side():
    figure = plots.severity(
        [0, 90], {"MeanField": SCORES, "MCDropout": SCORES}, xlabel="degrees"
    )
    accuracy, entropy = figure.axes
    assert [line.get_ydata().tolist() for line in accuracy.lines] == [[0.9, 0.5]] * 2
    assert [text.get_text() for text in accuracy.get_legend().get_texts()] == [
        "MeanField",
        "MCDropout",
    ]
    assert [line.get_ydata().tolist() for line in entropy.lines[:2]] == [
        [0.2, 1.0],
        [0.1, 0.6],
    ]
    assert entropy.get_xlabel() == "degrees"


def test_a_strip_has_an_image_and_three_numbers_for_each_in_rows_of_ten():
    figure = plots.strip(
        IMAGES,
        torch.arange(12),
        NATS,
        0.25 * NATS,
        true=[0] * 12,
        titles=[f"{i}" for i in range(12)],
    )
    assert len(figure.axes) == 24
    above, below = figure.axes[2:4]
    assert above.get_xlabel() == "1, not 0"
    assert (
        above.xaxis.label.get_color() != figure.axes[0].xaxis.label.get_color()
    )  # only the first is right
    assert [text.get_text() for text in below.texts] == [
        f"{NATS[1] * part:.2f}" for part in (1, 0.75, 0.25)
    ]
    colour = plots.strip(torch.rand(2, 3, 6, 6), torch.arange(2), NATS[:2], NATS[:2])
    assert colour.axes[0].images[0].get_array().shape == (6, 6, 3)


def test_referral_is_compared_with_chance():
    ax = plots.referral([0.0, 0.5], {"entropy": [0.9, 1.0]}, ax=Figure().add_subplot())
    chance, line = ax.lines
    assert list(chance.get_ydata()) == [0.9, 0.9]
    assert line.get_xdata().tolist() == [0.0, 50.0]


def test_histograms_are_shares_of_the_inputs():
    inside, outside = {"entropy": torch.zeros(20)}, {"entropy": torch.ones(10)}
    ax = plots.out_of_distribution(inside, outside, auroc={"entropy": 1.0}).axes[0]
    assert ax.get_title() == "AUROC 1.000"
    assert ax.get_xlabel() == "entropy, nats"
    assert [
        float(patch.get_data().values.sum()) for patch in ax.patches
    ] == pytest.approx([1.0] * 4)


def test_corruptions_are_a_table_with_its_numbers():
    scores = {
        "accuracy": torch.tensor([[0.9, 0.8], [0.7, 0.3]]),
        "nll": torch.tensor([[0.1, 0.2], [2.0, 3.0]]),
    }
    figure = plots.corruptions(
        ["fog", "snow"], [1, 5], scores, clean={"accuracy": 0.95, "nll": 0.1}
    )
    accuracy, nll = figure.axes
    assert [text.get_text() for text in accuracy.texts] == [
        "0.90",
        "0.80",
        "0.70",
        "0.30",
    ]
    assert nll.get_title() == "nll, nats, clean 0.10"
    assert [label.get_text() for label in accuracy.get_yticklabels()] == ["fog", "snow"]


def test_filters_draw_the_average_density_and_the_plain_values():
    mean, std = torch.tensor([[-1.0, 1.0]]), torch.tensor([[0.1, 0.5]])
    figure = plots.filters(
        {"first": (mean, std), "last": (mean, std)}, {"first": mean, "last": mean}
    )
    ax = figure.axes[0]
    line, density = ax.lines[0].get_xdata(), ax.lines[0].get_ydata()
    by_hand = (
        torch.distributions.Normal(mean.double(), std.double())
        .log_prob(torch.tensor(line)[:, None])
        .exp()
        .mean(-1)
    )
    torch.testing.assert_close(torch.tensor(density), by_hand)
    assert len(ax.lines) == 3  # the average and two weights
    assert (figure.axes[0].get_title(), figure.axes[1].get_title()) == ("first", "last")


def test_a_network_has_a_box_for_each_layer_and_an_arrow_between():
    weights = {
        "features.0.weight": KERNELS,
        "features.0.bias": (torch.zeros(6), torch.ones(6)),
        "out.weight": MATRIX,
    }
    figure = plots.network(
        weights, image=IMAGES[0], probs=torch.rand(20, 10).softmax(-1)
    )
    assert [ax.get_title() for ax in figure.axes] == [
        "image",
        "features.0",
        "out",
        "prediction",
    ]
    assert len(figure.artists) == 3
    kernels, matrix = figure.axes[1:3]
    assert kernels.get_xlabel().startswith(
        "6 x 3 kernels of 5 x 5\nmedian |mean| / std "
    )
    assert matrix.get_xlabel().startswith("10 x 4 weights")
    assert len(kernels.collections) == 25  # a density in each cell
    assert len(matrix.collections) == 20
    figure.draw_without_rendering()


def test_kernels_of_a_series_are_a_row_and_deep_networks_have_several_rows():
    series = {f"{i}": (torch.randn(4, 2, 3), torch.rand(4, 2, 3)) for i in range(9)}
    figure = plots.network(series)
    assert len(figure.axes) == 9
    assert len(figure.artists) == 7  # six in the first row, one in the second
    assert len(figure.axes[0].collections) == 3


@pytest.mark.parametrize(
    ("draw", "sentence"),
    [
        (lambda: plots.severity([0, 1], {}), "scores is empty"),
        (
            lambda: plots.severity([0, 1, 2], {"a": SCORES}),
            r"accuracy of a has shape \(2,\); .* \(3,\)",
        ),
        (
            lambda: plots.strip(IMAGES[0], NATS, NATS, NATS),
            r"images has shape \(1, 6, 6\)",
        ),
        (
            lambda: plots.strip(IMAGES, NATS[:3], NATS, NATS),
            r"predicted has shape \(3,\); .* \(12,\)",
        ),
        (
            lambda: plots.referral([0.1, 0.2], {"a": [1.0, 1.0]}),
            "fractions that begin with 0",
        ),
        (
            lambda: plots.out_of_distribution({"a": NATS}, {"b": NATS}),
            r"inside has \['a'\], outside \['b'\]",
        ),
        (
            lambda: plots.corruptions(["fog"], [1], {"a": torch.zeros(2, 1)}),
            r"a has shape \(2, 1\)",
        ),
        (lambda: plots.filters({}), "at least one moment"),
        (
            lambda: plots.filters({"a": KERNELS}, {"b": KERNELS[0]}),
            "frequentist weights of the same",
        ),
        (
            lambda: plots.filters({"a": (KERNELS[0], -KERNELS[1])}),
            "only positive standard deviations",
        ),
        (
            lambda: plots.network({"bias": (NATS, NATS)}),
            "weights of at least one linear or convolution layer",
        ),
        (
            lambda: plots.network({"a": (KERNELS[0], MATRIX[1])}),
            r"standard deviations of a has shape \(10, 4\)",
        ),
        (
            lambda: plots.network({"a": (MATRIX[0], -MATRIX[1])}),
            "negative standard deviations",
        ),
    ],
)
def test_a_plot_that_is_not_possible_is_refused(draw, sentence):
    with pytest.raises(ValueError, match=sentence):
        draw()
