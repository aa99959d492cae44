"""Fits to a data set with a long tail, and their predictions, kept and scored by class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

from torch import Tensor

import guides
import zoo
from zoo.datasets import Dataset
from zoo.experiments.parts.class_scores import ClassPrediction, Task
from zoo.experiments.parts.tail_settings import TailSetting, likelihood_of
from zoo.experiments.running.contestant import Contestant
from zoo.experiments.running.run import Run
from zoo.likelihoods import Categorical
from zoo.model import BayesianNetwork
from zoo.posterior.posterior import Posterior
from zoo.predictive.prediction import Prediction
from zoo.runtime.programs import PyroProgram


def adjusted(name: str) -> str:
    """Return the name of a prediction that is reweighted afterwards."""
    return f"{name}, reweighted"


@dataclass(frozen=True)
class Tail:
    """A data set with a tail, to which fits and predictions belong.

    Arguments:
        run: The run.
        name: The name of the data set.
        setting: How it is fitted.
        whole: The data, without the tail if it is made.
        found: Predictions by name, which grow.
    """

    run: Run
    name: str
    setting: TailSetting
    whole: Dataset
    found: dict[str, ClassPrediction]

    @cached_property
    def data(self) -> Dataset:
        """The data with the tail."""
        return self.setting.tail_of(self.whole)

    @cached_property
    def task(self) -> Task:
        """The classes, and the test data."""
        counts = self.data.train.y.bincount(minlength=len(self.data.classes or ()))
        return Task(counts, self.data.test.y)

    def fit_point(
        self, name: str, data: Dataset, change: str = "", seed: int = 0
    ) -> Posterior:
        """Fit a point estimate of a new network."""
        setting = self.setting

        def build() -> tuple[BayesianNetwork, PyroProgram]:
            network = setting.make_network(data)
            likelihood = likelihood_of(data.train, change)
            return self.run.build(network, setting.prior, guides.Delta, likelihood)

        return self.run.fit(
            f"{self.name}, {name}",
            build,
            data,
            setting.method,
            share=setting.share,
            train=setting.train(data.train, change),
            seed=seed,
        )

    def fit_on(self, name: str, contestant: Contestant, point: Posterior) -> Posterior:
        """Fit a posterior that starts at a point estimate."""
        build = partial(_build, self.run, contestant, point)

        return self.run.fit(
            f"{self.name}, {name}",
            build,
            self.data,
            contestant.method,
            share=self.setting.share,
            train=self.setting.train(self.data.train),
        )

    def score(
        self,
        name: str,
        predict: Callable[[], Prediction],
        is_adjusted: bool = True,
        **of: object,
    ) -> None:
        """Predict, and score the prediction as it is and reweighted for equal classes.

        Arguments:
            name: The name of the prediction.
            predict: Makes it.
            is_adjusted: Whether it is reweighted.
            of: What it is made from.
        """

        def make() -> dict[str, Tensor]:
            prediction = predict()
            equal = zoo.reweighted(prediction, 1 / self.task.counts)
            return _content("", prediction) | _content("equal ", equal)

        kept = self.run.keep(f"{self.name}, {name}, prediction", make, **of)
        names = {name: ""}
        if is_adjusted:
            names[adjusted(name)] = "equal "

        for each, start in names.items():
            probs, epistemic = kept[f"{start}probs"], kept[f"{start}epistemic"]
            self.found[each] = ClassPrediction(self.task, probs, epistemic)
            plain = Prediction(Categorical(), probs.clamp(min=1e-12).log()[None])
            self.run.scores.add(f"{self.name}, {each}", lambda p=plain: p, self.task.y)


def _content(start: str, prediction: Prediction) -> dict[str, Tensor]:
    """Return what is kept of a prediction, by name."""
    return {
        f"{start}probs": prediction.probs.cpu(),
        f"{start}epistemic": prediction.epistemic.cpu(),
    }


def _build(
    run: Run, contestant: Contestant, point: Posterior
) -> tuple[BayesianNetwork, PyroProgram | None]:
    """Return the model and the guide of a posterior, at the weights of a point estimate."""
    return run.build(point.network(), contestant.prior, contestant.make_guide)
