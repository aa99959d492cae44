"""The scores of all predictions of a run, with the paired differences between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor

from zoo.datasets import Split
from zoo.experiments.running.fit_folder import FitFolder
from zoo.experiments.running.result import Result
from zoo.experiments.running.scores import Cases, Number
from zoo.experiments.running.side_files import read_whole, written
from zoo.posterior.posterior import Posterior
from zoo.predictive.prediction import Prediction


class Scoreboard:
    """Scores predictions, and keeps the scores of every test case in files.

    Every prediction draws from the same seed. So two predictions of one posterior, e.g.
    before and after pruning, have the same draws.

    Arguments:
        result: The result, which gets the scores.
        files: The folder of the files.
        seed: Seed of the draws.
        progress: Whether to show progress bars.
    """

    def __init__(
        self, result: Result, files: FitFolder, *, seed: int, progress: bool
    ) -> None:
        self._result = result
        self._files = files
        self._seed = seed
        self._progress = progress
        self._cases: dict[str, Cases] = {}

    def __getitem__(self, name: str) -> dict[str, Number]:
        """Return error, NLL and ECE of a prediction by its name."""
        return self._result.scores[name]

    def add(
        self,
        name: str,
        predict: Callable[[], Prediction],
        y: Tensor,
        num_versions: int = 1,
    ) -> dict[str, Number]:
        """Score a prediction, or read the scores of an earlier run.

        Arguments:
            name: The name of the prediction, also in the name of its file.
            predict: Makes the prediction of class probabilities.
            y: Class indices (R N,).
            num_versions: Number R of versions of each case, as `Cases.of` takes them.
        """
        path = self._files.file(name, "cases")
        cases = read_whole(path, Cases.read)
        if cases is None:
            with self.same_draws():
                cases = Cases.of(predict(), y, num_versions)

            written(path, partial(cases.write, path))

        self._cases[name] = cases
        self._result.scores[name] = cases.numbers()

        return self[name]

    def add_posterior(
        self, name: str, posterior: Posterior, test: Split, num_samples: int
    ) -> dict[str, Number]:
        """Score the prediction of a posterior on a part of the data.

        Arguments:
            name: The name of the prediction, also in the name of its file.
            posterior: The posterior.
            test: Inputs and class indices.
            num_samples: Number of draws, or all of a posterior that has fewer.
        """

        def predict() -> Prediction:
            number = posterior.num_available(num_samples)
            return posterior.predict(
                test.x, num_samples=number, progress=self._progress
            )

        return self.add(name, predict, test.y)

    def difference(self, one: str, other: str) -> dict[str, Number]:
        """Return the paired differences of two predictions, one minus the other."""
        return self._cases[one].minus(self._cases[other])

    def over_seeds(self, names: Sequence[str], score: str) -> Number:
        """Return the mean of a score over predictions of fits from several seeds.

        Its error is over test cases, of the mean of the predictions at each.

        Arguments:
            names: The names of the predictions.
            score: "error %" or "nll".
        """
        cases = [self._cases[name] for name in names]
        values = [each.error if score == "error %" else each.nll for each in cases]
        stacked = torch.stack(values).double()

        return Number.mean(stacked.mean(0))

    @contextmanager
    def same_draws(self) -> Iterator[None]:
        """Draw from the seed inside, and restore the random numbers afterwards."""
        with torch.random.fork_rng():
            torch.manual_seed(self._seed)
            yield
