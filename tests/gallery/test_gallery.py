"""Every public plot is drawn of realistic values, and looked at as far as a program can.

`ZOO_GALLERY=folder python -m pytest tests/gallery` leaves the pictures in the folder.
"""

import ast
import os
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.figure import Figure

import zoo
from tests.gallery import (
    pictures_of_classes,
    pictures_of_landscapes,
    pictures_of_regression,
)
from tests.gallery.checks import faults_of, figure_of
from zoo import plots
from zoo.plots.canvas import COLORS

PICTURES = {
    **pictures_of_regression.PICTURES,
    **pictures_of_classes.PICTURES,
    **pictures_of_landscapes.PICTURES,
}
FOLDER = os.environ.get("ZOO_GALLERY")
_RETURNED = {"Axes", "Figure", "list[Axes]"}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_has_labels_and_nothing_lies_on_something_else(name):
    figure = figure_of(PICTURES[name]())
    if FOLDER:
        file = name.replace("/", ", ") + ".png"
        Path(FOLDER).mkdir(parents=True, exist_ok=True)
        figure.savefig(Path(FOLDER) / file, dpi=100)

    assert faults_of(figure) == []


def test_every_public_plot_has_a_picture():
    drawn = {name.split("/")[0] for name in PICTURES}
    assert set(plots.__all__) | methods() == drawn - {"zoo fit"}


def methods():
    """Return the public methods of the package that return a picture, as Class.method."""
    found = set()
    for path in Path(zoo.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found |= {f"{node.name}.{name}" for name in drawing_methods(node)}
    return found


def drawing_methods(node):
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and not item.name.startswith("_"):
            returned = "" if item.returns is None else ast.unparse(item.returns)
            if returned in _RETURNED:
                yield item.name


def bad_picture():
    """Draw a picture with every fault that the checks know."""
    figure = plt.figure(figsize=(3, 2))
    left, right = figure.subplots(1, 2)
    for color in COLORS[:2]:
        left.plot([0, 1], [0, 1], color=color, label=f"curve {color}")
    left.text(0.5, 0.5, "a note below the legend")
    left.legend(loc="center")
    left.set_title("a title that is far too long for so small a panel")
    right.set_title("another one, which is under the first")
    return figure


def test_the_checks_find_each_fault():
    faults = "; ".join(faults_of(bad_picture()))
    for fault in (
        "has numbers but no xlabel",
        "has numbers but no ylabel",
        "only colours tell",
        "is wider than its panel",
        "the legend covers",
        "lies on",
        "leaves the figure",
    ):
        assert fault in faults


def test_a_good_picture_has_no_fault():
    figure = Figure()
    ax = figure.add_subplot()
    plots.profile(
        torch.linspace(0, 1, 5), {"a": torch.rand(5), "b": torch.rand(5)}, ax=ax
    )
    assert faults_of(figure) == []
