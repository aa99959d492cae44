"""One run of an experiment: its budget, its device, what it has done so far, and where that is kept."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from zoo import likelihoods
from zoo.data import Data
from zoo.datasets import Dataset
from zoo.experiments.experiment import Experiment
from zoo.experiments.result import Finding, Result
from zoo.experiments.scores import Cases, Number
from zoo.experiments.training import Build, Training
from zoo.model import BayesianNetwork
from zoo.posterior.posterior import Posterior
from zoo.predictive.prediction import Prediction

SETTINGS = "settings.json"  # of what was fitted, beside it


class Run:
    """What an experiment is handed: data, fits within the budget, and a place for what it finds.

    Every fit is kept in a file, so that a run that is started again goes on after the
    last one.

    Arguments:
        experiment: The experiment.
        path: The folder of the data sets, with a folder each, "mnist" say, or all in
            torchvision's own.
        out: The folder for NAME.json and NAME.png, and a folder NAME with the fits.
        minutes: The budget of all fits together; infinite for the published number of
            epochs.
        device: Where to compute, "cuda" say.
        seed: Seed of everything random.
        progress: Whether to show progress bars.
    """

    def __init__(
        self,
        experiment: Experiment,
        *,
        path: Path = Path("data"),
        out: Path = Path("reproduce"),
        minutes: float | None = None,
        device: str = "cpu",
        seed: int = 0,
        progress: bool = True,
    ) -> None:
        self.experiment, self.path, self.out = experiment, path, out
        self.minutes = experiment.minutes if minutes is None else minutes
        if not self.minutes > 0:
            raise ValueError(
                f"a budget is a number of minutes above zero, not {minutes}"
            )
        self.device, self.seed, self.progress = torch.device(device), seed, progress
        self.fits = out / experiment.name
        self.cases: dict[str, Cases] = {}
        budget = "as published" if self.full else self.minutes
        self.result = Result(
            experiment.name,
            {"minutes": budget, "seed": seed, "device": named(self.device)},
        )
        self.result.settings["threads"] = torch.get_num_threads()

    @property
    def full(self) -> bool:
        """Whether the run is the published one: its epochs, its widths, its draws."""
        return math.isinf(self.minutes)

    def run(self) -> Result:
        """Run the experiment and write its result.

        Raises:
            ValueError: The folder has fits of another budget, seed or device.
        """
        kept, asked = self.fits / SETTINGS, self._asked()
        if kept.is_file() and (before := json.loads(kept.read_text())) != asked:
            raise ValueError(
                f"{self.fits} holds what was fitted with {worded(before)}, and this run is with {worded(asked)}; give "
                "another --out, or delete that folder"
            )
        self.experiment.run(self)
        self._write()
        return self.result

    def _write(self) -> None:
        self.result.write(self.out / f"{self.experiment.name}.json")

    def data_path(self, name: str) -> Path:
        """Return the folder of a data set: its own, or the one that holds all."""
        own = self.path / name
        return own if own.is_dir() else self.path

    def dataset(self, load: Callable[..., Dataset], **options: object) -> Dataset:
        """Load a data set from its folder, and note how many data are in its parts."""
        found = load(self.data_path(load.__name__), **options)
        parts = {
            "train": found.train,
            "validation": found.validation,
            "test": found.test,
        }
        self.result.settings[found.name] = {
            name: len(part.x) for name, part in parts.items() if part is not None
        }
        return found

    def model(
        self, network: nn.Module, prior: object, likelihood: object | None = None
    ) -> BayesianNetwork:
        """Make a model of classes on the run's device."""
        return BayesianNetwork(
            network.to(self.device), prior, likelihood or likelihoods.Categorical()
        )

    def fit(
        self, name: str, build: Build, data: Dataset, *, share: float, epochs: float, train: Data | None = None,
        **options: object,
    ) -> Posterior:  # fmt: skip
        """Fit within a share of the budget, by the learning rate that does best on validation data.

        Arguments:
            name: What the fit is called, in files too.
            build: Makes model and guide anew.
            data: The data set, with a validation part.
            share: Share of the budget, 0 to 1; infinite where the number of epochs is
                known.
            epochs: The published number of epochs.
            train: Training data other than the data set's.
            options: Arguments of `Training`.
        """
        training = Training(
            60 * self.minutes * share,
            epochs,
            seed=self.seed,
            progress=self.progress,
            **options,
        )
        path = self._file(name, "safetensors")
        train = (data.train.x, data.train.y) if train is None else train
        posterior, facts = training.fit(build, train, data.validation, path)
        self.result.fits[name] = facts | {"epochs at most": epochs}
        return posterior

    def score(
        self, name: str, predict: Callable[[], Prediction], y: Tensor
    ) -> dict[str, Number]:
        """Score a prediction, and keep its cases for differences; an earlier run's are read.

        Every prediction draws from the run's seed, so that a posterior and what is left
        of it differ by that alone.

        Arguments:
            name: Whose prediction it is, in files too.
            predict: Makes the prediction of class probabilities.
            y: Class indices (N,).
        """
        path = self._file(name, "cases")
        if not path.is_file():
            with self.same_draws():
                Cases.of(predict(), y).write(path)
        self.cases[name] = Cases.read(path)
        self.result.scores[name] = self.cases[name].numbers()
        return self.result.scores[name]

    def _file(self, name: str, ending: str) -> Path:
        if not (self.fits / SETTINGS).is_file():
            self.fits.mkdir(parents=True, exist_ok=True)
            (self.fits / SETTINGS).write_text(json.dumps(self._asked()))
        return self.fits / f"{re.sub(r'[^A-Za-z0-9-]+', '_', name)}.{ending}"

    def _asked(self) -> dict[str, object]:
        return {
            name: self.result.settings[name] for name in ("minutes", "seed", "device")
        }

    @contextmanager
    def same_draws(self) -> Iterator[None]:
        """Draw from the run's seed, and leave the random numbers outside as they are."""
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            yield

    def difference(self, one: str, other: str) -> dict[str, Number]:
        """Return the paired differences of two scored predictions, one minus the other."""
        return self.cases[one].minus(self.cases[other])

    def find(
        self,
        what: str,
        ours: Number | float,
        published: float | str | None = None,
        headline: bool = False,
    ) -> None:
        """State a number of ours beside the published one, and write what there is so far.

        Arguments:
            what: What the number is, with its unit.
            ours: Ours.
            published: The published one, or its direction in words.
            headline: Whether it stands in the table of all experiments.
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
    def panels(
        self, rows: int = 1, columns: int = 1, title: str = "", share: str = "none"
    ) -> Iterator[np.ndarray]:
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
        figure, axes = plt.subplots(
            rows,
            columns,
            figsize=size,
            layout="constrained",
            sharey=share,
            squeeze=False,
        )
        for ax in axes.flat:
            ax.set_prop_cycle(color=COLORS)
        yield axes
        for ax in axes.flat:
            ax.spines[["top", "right"]].set_visible(False)
        figure.suptitle(title)
        figure.savefig(self.out / f"{self.experiment.name}.png", dpi=120)
        plt.close(figure)


def worded(settings: Mapping[str, object]) -> str:
    """Return settings as they stand in a sentence."""
    return ", ".join(f"{name} {value}" for name, value in settings.items())


def named(device: torch.device) -> str:
    """Return the name of a device, with that of the GPU."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
