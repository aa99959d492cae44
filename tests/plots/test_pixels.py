"""Maps of pixels: columns, colours of classes, one scale for an uncertainty, refused shapes."""

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from zoo import plots
from zoo.plots.pixels import _colours


def test_an_image_has_a_row_and_an_uncertainty_one_scale():
    images, labels = torch.rand(2, 3, 4, 6), torch.randint(3, (2, 4, 6))
    nats = torch.linspace(0.0, 1.0, 48).reshape(2, 4, 6)
    figure = plots.pixels(
        images, labels, labels, nats, nats / 4, classes=["a", "b", "c"], figure=Figure()
    )
    axes = np.array(figure.axes).reshape(2, 6)
    titles = [ax.get_title() for ax in axes[0]]
    assert titles[:3] == ["image", "label", "prediction"]
    assert titles[3:] == [
        "total, 0 to 1.00 nats",
        "epistemic, 0 to 0.25 nats",
        "aleatoric, 0 to 0.75 nats",
    ]
    limits = [ax.images[0].get_clim() for ax in axes[:, 3]]
    assert limits[0] == limits[1] == (0, 1)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["a", "b", "c"]
    with pytest.raises(ValueError, match="labels has shape"):
        plots.pixels(images, labels[:1], labels, nats, nats, classes="abc")


def test_what_is_no_class_is_black():
    colours = _colours(np.array([[0, 1, 11, -100]]), 11)
    assert colours[0, 2:].sum() == 0
    assert (colours[0, 0] != colours[0, 1]).any()
    grey = torch.rand(1, 1, 4, 6)
    maps = torch.zeros(1, 4, 6)
    figure = plots.pixels(grey, maps, maps, maps, maps, classes="a", figure=Figure())
    assert figure.axes[0].images[0].get_array().shape == (4, 6)
