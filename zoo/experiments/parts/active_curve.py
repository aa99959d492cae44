"""Active learning as a loop: how accurate a network is with more and more labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyro
import torch
from torch import Tensor, nn

from zoo.acquisition import Pool
from zoo.datasets import Split
from zoo.experiments.running.contestant import MakeGuide
from zoo.experiments.running.run import Run
from zoo.inference import SVI
from zoo.posterior.posterior import Posterior
from zoo.predictive.prediction import Prediction
from zoo.priors.prior import Prior

_NUM_CANDIDATES = 2_000  # among which labels are asked for
_BATCH_SIZE = 64
_SMOOTHED = 3  # evaluations whose mean reaches a target


@dataclass(frozen=True)
class Learner:
    """A network that asks for labels: its posterior, and what it asks for.

    Arguments:
        make_network: Makes the network, with new weights.
        prior: The prior.
        make_guide: Makes the guide of the posterior for a model.
        acquire: The acquisition function, a score for each input of a prediction.
        num_samples: Number of draws of a prediction.
        num_steps: Number of gradient steps of each fit but the first one.
        first_steps: Number of gradient steps of that one.
        each: Number of labels that are acquired between two fits.
        most: Number of labels at the end.
        lr: Learning rate of the first step.
        warm: Whether a fit starts at the weights of the last one.
    """

    make_network: Callable[[], nn.Module]
    prior: Prior
    make_guide: MakeGuide
    acquire: Callable[[Prediction], Tensor]
    num_samples: int = 20
    num_steps: int = 50
    first_steps: int = 200
    each: int = 10
    most: int = 300
    lr: float = 3e-3
    warm: bool = True


@dataclass(frozen=True)
class LabelCurve:
    """The accuracy of one learner after every fit, from several seeds.

    Arguments:
        labels: Number of labels of each of K fits.
        accuracies: Accuracy on test images, (seeds, K).
        asked: Rows of the training data in the order of their labels, (seeds, M).
    """

    labels: list[int]
    accuracies: Tensor
    asked: Tensor

    @property
    def mean(self) -> Tensor:
        """Mean accuracy over seeds, (K,)."""
        return self.accuracies.mean(0)

    @property
    def error(self) -> Tensor:
        """Standard error of that mean, (K,)."""
        return self.accuracies.std(0) / len(self.accuracies) ** 0.5

    def needed(self, target: float) -> Tensor:
        """Return how many labels each seed needs for an accuracy, (seeds,); infinite without.

        It is where the mean of three evaluations reaches the accuracy, so that one lucky
        fit does not count.

        Arguments:
            target: The accuracy.
        """
        windows = self.accuracies.unfold(1, min(_SMOOTHED, len(self.labels)), 1)
        reaches = windows.mean(-1) >= target  # (seeds, windows)
        middle = (len(self.labels) - windows.shape[1]) // 2
        found = []
        for row in reaches:
            places = row.nonzero().flatten()
            number = self.labels[int(places[0]) + middle] if len(places) else torch.inf
            found.append(float(number))

        return torch.tensor(found)

    def at(self, number: int) -> Tensor:
        """Return the accuracy of each seed with a number of labels, in per cent, (seeds,)."""
        return 100 * self.accuracies[:, self.labels.index(number)]

    def rows(self) -> list[dict[str, object]]:
        """Return labels, mean accuracy and its error after each fit."""
        columns = zip(self.labels, self.mean.tolist(), self.error.tolist(), strict=True)
        return [
            {"labels": number, "accuracy": mean, "error": error}
            for number, mean, error in columns
        ]


def learn(
    run: Run, learner: Learner, train: Split, test: Split, first: Tensor, seed: int
) -> dict[str, Any]:
    """Ask for labels until there are as many as the learner wants, and test every fit.

    Arguments:
        run: The run.
        learner: The learner.
        train: The data whose labels are hidden.
        test: The data on which fits are tested.
        first: Rows that are labelled at the start.
        seed: Seed of the candidates, the networks and the fits.
    """
    pool = Pool(train, first, num_candidates=_NUM_CANDIDATES, seed=seed)
    posterior = None
    labels: list[int] = []
    accuracies: list[float] = []
    while True:
        pyro.set_rng_seed(1000 * seed + len(pool.rows))
        posterior = _fit(run, learner, pool.labelled, posterior)
        prediction = _predict(posterior, learner, test.x)
        labels.append(len(pool.rows))
        accuracies.append(_accuracy(prediction, test.y))
        if len(pool.rows) >= learner.most:
            probs = prediction.probs.cpu()
            return {
                "labels": labels,
                "accuracy": accuracies,
                "rows": pool.rows,
                "probs": probs,
            }

        scores = learner.acquire(_predict(posterior, learner, pool.candidates))
        pool.label(scores, learner.each)


def _fit(
    run: Run, learner: Learner, labelled: Split, last: Posterior | None
) -> Posterior:
    """Fit the network to the labels so far."""
    is_first = last is None
    starts_anew = is_first or not learner.warm
    network = learner.make_network() if starts_anew else last.network()
    num_steps = learner.first_steps if is_first else learner.num_steps
    model, guide = run.build(network, learner.prior, learner.make_guide)
    engine = SVI(model, guide, num_steps=num_steps, lr=learner.lr, progress=False)

    return engine.fit(labelled, batch_size=_BATCH_SIZE)


def _predict(posterior: Posterior, learner: Learner, x: Tensor) -> Prediction:
    """Predict with the draws of a learner."""
    return posterior.predict(x, num_samples=learner.num_samples, progress=False)


def _accuracy(prediction: Prediction, y: Tensor) -> float:
    """Return the share of labels that are predicted."""
    predicted = prediction.probs.argmax(-1).cpu()

    return float((predicted == y).double().mean())


def balanced(y: Tensor, each: int, seed: int) -> Tensor:
    """Draw as many rows of each class, in random order.

    Arguments:
        y: Class indices (N,).
        each: Number of rows of each class.
        seed: Seed of the draw.
    """
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(y), generator=generator)
    rows = []
    for label in y.unique():
        of_class = order[y[order] == label]
        rows.append(of_class[:each])

    return torch.cat(rows)
