"""One run of a recipe: its budget, its device, what it has done so far, and where that is kept."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from zoo import likelihoods
from zoo.data import Data
from zoo.datasets import Dataset
from zoo.model import BayesianNetwork
from zoo.posterior import Posterior
from zoo.prediction import Prediction
from zoo.recipes.recipe import Recipe
from zoo.recipes.result import Finding, Result, read
from zoo.recipes.scores import Cases, Number
from zoo.recipes.training import Build, Training

WALL = "minutes in all"  # predictions included, of all runs that the result took


class Run:
    """What a recipe is handed: data, fits within the budget, and a place for what it finds.

    Every fit is kept in a file, so that a run that is started again goes on after the last one.

    Arguments:
        recipe: The recipe.
        data: The folder of the data sets, with a folder each, "mnist" say, or all in torchvision's own.
        out: The folder for NAME.json and NAME.png, and a folder NAME with the fits.
        minutes: The budget of all fits together; infinite for the published number of epochs.
        device: Where to compute, "cuda" say.
        seed: Seed of everything random.
        progress: Whether to show progress bars.
    """

    def __init__(
        self,
        recipe: Recipe,
        *,
        data: Path = Path("data"),
        out: Path = Path("reproduce"),
        minutes: float | None = None,
        device: str = "cpu",
        seed: int = 0,
        progress: bool = True,
    ) -> None:
        self.recipe, self.folder, self.out = recipe, data, out
        self.minutes = recipe.minutes if minutes is None else minutes
        if not self.minutes > 0:
            raise ValueError(f"a budget is a number of minutes above zero, not {minutes}")
        self.device, self.seed, self.progress = torch.device(device), seed, progress
        if self.device.type == "cuda" and not torch.cuda.is_available():
            raise ValueError(f"there is no device {device!r}: this PyTorch sees no GPU; leave the device away, or cpu")
        self.fits = out / recipe.name
        self.cases: dict[str, Cases] = {}
        budget = self.minutes if math.isfinite(self.minutes) else "as published"
        self.result = Result(recipe.name, {"minutes": budget, "seed": seed, "device": named(self.device)})
        self.result.settings["threads"] = torch.get_num_threads()

    def cook(self) -> Result:
        """Run the recipe and write its result."""
        self.began = time.perf_counter()
        self.fits.mkdir(parents=True, exist_ok=True)
        path = self.out / f"{self.recipe.name}.json"
        self.before = float(read(path).settings.get(WALL, 0.0)) if path.is_file() else 0.0
        self.recipe.cook(self)
        self._write()
        return self.result

    def _write(self) -> None:
        self.result.settings[WALL] = round(self.before + (time.perf_counter() - self.began) / 60, 1)
        self.result.write(self.out / f"{self.recipe.name}.json")

    def path(self, name: str) -> Path:
        """Return the folder of a data set: its own, or the one that holds all."""
        own = self.folder / name
        return own if own.is_dir() else self.folder

    def dataset(self, load: Callable[..., Dataset], **options: object) -> Dataset:
        """Load a data set from its folder, and note how many data are in its parts."""
        found = load(self.path(load.__name__), **options)
        parts = {"train": found.train, "validation": found.validation, "test": found.test}
        self.result.settings[found.name] = {name: len(part.x) for name, part in parts.items() if part is not None}
        return found

    def model(self, network: nn.Module, prior: object, likelihood: object | None = None) -> BayesianNetwork:
        """Make a model of classes on the run's device."""
        return BayesianNetwork(network.to(self.device), prior, likelihood or likelihoods.Categorical())

    def fit(
        self, name: str, build: Build, data: Dataset, *, share: float, epochs: float, train: Data | None = None,
        **options: object,
    ) -> Posterior:  # fmt: skip
        """Fit within a share of the budget, by the learning rate that does best on validation data.

        Arguments:
            name: What the fit is called, in files too.
            build: Makes model and guide anew.
            data: The data set, with a validation part.
            share: Share of the budget, 0 to 1; infinite where the number of epochs is known.
            epochs: The published number of epochs.
            train: Training data other than the data set's.
            options: Arguments of `Training`.
        """
        training = Training(60 * self.minutes * share, epochs, seed=self.seed, progress=self.progress, **options)
        path = self.fits / f"{file_name(name)}.safetensors"
        train = (data.train.x, data.train.y) if train is None else train
        posterior, facts = training.fit(build, train, data.validation, path)
        self.result.fits[name] = facts
        return posterior

    def score(self, name: str, predict: Callable[[], Prediction], y: Tensor) -> dict[str, Number]:
        """Score a prediction, and keep its cases for differences; an earlier run's are read.

        Arguments:
            name: Whose prediction it is, in files too.
            predict: Makes the prediction of class probabilities.
            y: Class indices (N,).
        """
        path = self.fits / f"{file_name(name)}.cases"
        if not path.is_file():
            Cases.of(predict(), y).write(path)
        self.cases[name] = Cases.read(path)
        self.result.scores[name] = self.cases[name].numbers()
        return self.result.scores[name]

    def difference(self, one: str, other: str) -> dict[str, Number]:
        """Return the paired differences of two scored predictions, one minus the other."""
        return self.cases[one].minus(self.cases[other])

    def find(
        self, what: str, ours: Number | float, published: float | str | None = None, headline: bool = False
    ) -> None:
        """State a number of ours beside the published one, and write what there is so far.

        Arguments:
            what: What the number is, with its unit.
            ours: Ours.
            published: The published one, or its direction in words.
            headline: Whether it stands in the table of all recipes.
        """
        ours = ours if isinstance(ours, Number) else Number(float(ours))
        self.result.findings.append(Finding(what, ours, published, headline))
        self._write()

    def note(self, sentence: str) -> None:
        """Say what must be said about the result."""
        self.result.notes.append(sentence)

    def tabulate(self, name: str, rows: list[Mapping[str, object]]) -> None:
        """Keep a table of whatever else was measured."""
        self.result.tables[name] = [dict(row) for row in rows]

    @contextmanager
    def panels(self, rows: int = 1, columns: int = 1, title: str = "", share: str = "none") -> Iterator[np.ndarray]:
        """Give axes (rows, columns) to draw on, and write their figure beside the result.

        Arguments:
            rows: Rows of panels.
            columns: Panels in a row.
            title: What stands above them all.
            share: "row" where the panels of a row have one vertical axis.
        """
        import matplotlib.pyplot as plt

        from zoo.plots.canvas import COLORS

        size = (max(6.4, 4.2 * columns), 1.0 + 3.2 * rows)
        figure, axes = plt.subplots(rows, columns, figsize=size, layout="constrained", sharey=share, squeeze=False)
        for ax in axes.flat:
            ax.set_prop_cycle(color=COLORS)
        yield axes
        for ax in axes.flat:
            ax.spines[["top", "right"]].set_visible(False)
        figure.suptitle(title)
        figure.savefig(self.out / f"{self.recipe.name}.png", dpi=120)
        plt.close(figure)


def named(device: torch.device) -> str:
    """Return the name of a device, with that of the GPU."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def file_name(name: str) -> str:
    """Return a name as files have it."""
    return re.sub(r"[^A-Za-z0-9-]+", "_", name)
