"""An experiment of the literature, and a run of it within a budget."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from zoo import likelihoods
from zoo.data import Data
from zoo.datasets import Dataset
from zoo.experiments.running.bounds import bound_of
from zoo.experiments.running.fit_folder import FitFolder
from zoo.experiments.running.kept import kept
from zoo.experiments.running.method import Method
from zoo.experiments.running.record import device_name
from zoo.experiments.running.report import Report
from zoo.experiments.running.result import Result
from zoo.experiments.running.scoreboard import Scoreboard
from zoo.experiments.running.seeded_fits import Build
from zoo.experiments.running.together import entered
from zoo.experiments.running.training import Training
from zoo.likelihoods.likelihood import Likelihood
from zoo.model import BayesianNetwork
from zoo.posterior.posterior import Posterior
from zoo.priors.prior import Prior
from zoo.runtime.files.output_path import check_output_folder
from zoo.runtime.programs import PyroProgram

_GuideT = TypeVar("_GuideT", bound=PyroProgram | None)


@dataclass(frozen=True)
class Experiment:
    """An experiment of the literature as a short program over the package.

    Arguments:
        name: The name on the command line, e.g. "bbb-mnist".
        question: The question that the experiment asks, in one sentence.
        reference: Title, authors and year of the paper.
        minutes: The default budget of all its fits together, in minutes.
        run: The function that fits, scores, states findings and draws a figure.

    Example:
        >>> def count(run):
        ...     run.report.find("test images", len(datasets.digits().test.y), published=360.0)
        >>> counted = Experiment("count", "How many are there?", "none", minutes=1.0, run=count)
        >>> Run(counted, out=folder, progress=False).run().table.to_dicts()[0]["difference"]
        0.0
    """

    name: str
    question: str
    reference: str
    minutes: float
    run: Callable[[Run], None]

    def __repr__(self) -> str:
        return f"Experiment({self.name!r}: {self.question})"


class Run:
    """What an experiment works with: data, fits within a budget, scores, and its result.

    Every fit, every scored prediction and every other result that is kept has a file. A
    run that starts again reads them and continues after the last one. `scores` scores
    predictions, `report` takes findings, tables and the figure, `result` holds all of it.

    Arguments:
        experiment: The experiment.
        path: The folder of the data sets. Each is in a folder of its own, e.g. "mnist",
            or all are in one folder as torchvision has them.
        out: The folder for NAME.json and NAME.png, and for a folder NAME with the fits.
        minutes: The budget of all fits together; by default that of the experiment.
            Infinite for the published number of epochs.
        device: Where to compute, e.g. "cuda".
        seed: Seed of all random numbers.
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
        self.experiment = experiment
        self.path = path
        self.out = out
        self.minutes = experiment.minutes if minutes is None else minutes
        self.device = torch.device(device)
        self.seed = seed
        self.progress = progress
        if not self.minutes > 0:
            raise ValueError(
                f"a budget must be a number of minutes above zero, not {minutes}"
            )

        settings: dict[str, object] = {
            "minutes": "as published" if self.full else self.minutes,
            "seed": seed,
            "device": device_name(self.device),
        }
        made = {"threads": torch.get_num_threads(), "command": self._command()}
        self.result = Result(experiment.name, settings | made)
        self.report = Report(self.result, out)
        self.files = FitFolder(out / experiment.name, settings)
        self.scores = Scoreboard(self.result, self.files, seed=seed, progress=progress)

    @property
    def full(self) -> bool:
        """Whether the run has the published number of epochs, widths and draws."""
        return math.isinf(self.minutes)

    def run(self) -> Result:
        """Run the experiment, write its result and return it.

        Raises:
            ValueError: The folder has fits of another budget, seed or device, cannot be
                written to, or is in use by another run; several processes with a budget in
                minutes.
        """
        check_output_folder(self.out, "out")
        self.report.check()
        self.files.check()

        with entered(self.out / self.experiment.name, full=self.full):
            self.experiment.run(self)
            self.report.write()

        return self.result

    def _command(self) -> str:
        """Return the command that makes the result."""
        name = self.experiment.name
        budget = "full" if self.full else f"{self.minutes:g}"
        seed = f" --seed {self.seed}" if self.seed else ""

        return f"python -m zoo reproduce {name} --budget {budget}{seed}"

    def data_path(self, name: str) -> Path:
        """Return the folder of a data set: its own, or the one that holds all."""
        own = self.path / name
        return own if own.is_dir() else self.path

    def dataset(self, load: Callable[..., Dataset], **options: object) -> Dataset:
        """Load a data set from its folder, and record the sizes of its parts.

        Arguments:
            load: A function of `zoo.datasets` that takes the folder.
            options: Further arguments of the function.
        """
        data = load(self.data_path(load.__name__), **options)
        sizes = {"train": len(data.train.x)}
        if data.validation is not None:
            sizes["validation"] = len(data.validation.x)

        sizes["test"] = len(data.test.x)
        self.result.settings[data.name] = sizes

        return data

    def build(
        self,
        network: nn.Module,
        prior: Prior,
        make_guide: Callable[[BayesianNetwork], _GuideT],
        likelihood: Likelihood | None = None,
    ) -> tuple[BayesianNetwork, _GuideT]:
        """Return a model on the run's device, by default one of classes, and a guide for it."""
        if likelihood is None:
            likelihood = likelihoods.Categorical()

        model = BayesianNetwork(network.to(self.device), prior, likelihood)

        return model, make_guide(model)

    def fit(
        self,
        name: str,
        build: Build,
        data: Dataset,
        method: Method,
        *,
        share: float,
        train: Data | None = None,
        seed: int = 0,
        init: Posterior | None = None,
    ) -> Posterior:
        """Fit within a share of the budget, at the learning rate with the lowest validation NLL.

        Arguments:
            name: The name of the fit, also in the names of files.
            build: Makes a new model and a new guide.
            data: The data set, with a validation part.
            method: The engine, its rates, batches and epochs.
            share: The share of the budget, 0 to 1; infinite for no limit.
            train: Training data that replace those of the data set.
            seed: A number that is added to the seed of the run.
            init: An earlier posterior, at which the fit starts; None for none.

        Raises:
            ValueError: The data set has no validation part, or the budget is too short.
        """
        if data.validation is None:
            raise ValueError(
                f"{data.name} has no validation part; load it with num_validation=..."
            )

        seconds = 60 * self.minutes * share
        training = Training(method, seconds, self.seed + seed, self.progress)
        path = self.files.file(name, "safetensors")
        train_data = (data.train.x, data.train.y) if train is None else train
        posterior, record = training.fit(build, train_data, data.validation, path, init)
        epochs = method.epochs_of(self.full)
        self.result.fits[name] = record | {"epochs at most": epochs}
        self.result.add_up_seconds()

        return posterior

    def keep(
        self, name: str, make: Callable[[], Mapping[str, Any]], **of: object
    ) -> dict[str, Any]:
        """Compute a result that is no posterior, or read it from the file of an earlier run.

        It draws from the seed of the run, and the random numbers are restored afterwards.
        Tensors come back on the CPU, tuples as lists.

        Arguments:
            name: The name of the result, also in the name of its file.
            make: Computes it: tensors, numbers and texts by name, also in lists and
                dictionaries, e.g. grids, curves or weights by name.
            of: What it is computed from, e.g. posteriors, weights and numbers of points. A
                file that was computed from something else is refused.

        Raises:
            ValueError: The file is of another computation.
            TypeError: A value of another kind.
        """
        path = self.files.file(name, "kept")
        with self.scores.same_draws():
            found, seconds = kept(path, make, of)

        self.result.kept[name] = seconds
        self.result.add_up_seconds()

        return found

    def state_bound(self, name: str, *, headline: bool = False) -> None:
        """Add the bound of a fit to the findings, if it has one.

        Arguments:
            name: The name of the fit.
            headline: Whether the finding is in the table of all experiments.
        """
        bound = bound_of(self.result.fits[name])
        if bound is not None:
            what = f"bound of {name}, nats per datum"
            self.report.find(what, bound, headline=headline)

    def fit_seeds(
        self,
        name: str,
        build: Build,
        data: Dataset,
        method: Method,
        *,
        share: float,
        number: int,
    ) -> dict[str, Posterior]:
        """Return fits from several seeds by name; the first one chooses the learning rate.

        Arguments:
            name: The name of the first fit; the others are called "NAME, seed 1" and so on.
            build: Makes a new model and a new guide.
            data: The data set, with a validation part.
            method: The engine, its rates, batches and epochs.
            share: The share of the budget of all fits together.
            number: Number of fits.
        """
        share = share / number
        fits = {name: self.fit(name, build, data, method, share=share)}
        rate = self.result.fits[name]["plan"]["rate"]
        method = replace(method, rates=(rate,))

        for seed in range(1, number):
            key = f"{name}, seed {seed}"
            fits[key] = self.fit(key, build, data, method, share=share, seed=seed)

        return fits
