"""A prediction scored by class, and whether its uncertainty marks the classes with few data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from zoo import metrics
from zoo.experiments.running.scores import RESAMPLED, Number
from zoo.metrics.by_class import ByClass
from zoo.stress.out_of_distribution import separation

TAIL_SHARE = 0.1  # of the data of the largest class, below which a class is of the tail


@dataclass(frozen=True)
class Task:
    """Classes of unequal size, and the test data on which they are scored.

    Arguments:
        counts: Number of training data of each class, (O,).
        y: Class indices of the test data, (N,).
    """

    counts: Tensor
    y: Tensor

    @property
    def is_tail(self) -> Tensor:
        """Which classes have less than a tenth of the data of the largest, (O,)."""
        return self.counts < TAIL_SHARE * self.counts.max()

    @property
    def in_tail(self) -> Tensor:
        """Which test data are of such a class, (N,)."""
        return self.is_tail[self.y]

    @property
    def order(self) -> Tensor:
        """The classes from the largest to the smallest, (O,)."""
        return self.counts.argsort(descending=True, stable=True)

    @cached_property
    def resampled(self) -> list[Tensor]:
        """Rows of the test data, drawn with replacement within each class, several times."""
        random = torch.Generator().manual_seed(0)
        samples = []
        for _ in range(RESAMPLED):
            rows = []
            for label in range(len(self.counts)):
                own = (self.y == label).nonzero().squeeze(-1)
                if len(own):
                    drawn = torch.randint(len(own), (len(own),), generator=random)
                    rows.append(own[drawn])

            samples.append(torch.cat(rows))

        return samples

    def balanced(self, values: Tensor) -> Number:
        """Return the mean of a value (N,) in which every class counts the same."""
        found = self.by_class(values)
        return Number(float(found.balanced), float(found.balanced_error))

    def by_class(self, values: Tensor) -> ByClass:
        """Return the mean of a value (N,) in each class."""
        return metrics.by_class(values.double(), self.y, len(self.counts))

    def separation(self, uncertainty: Tensor) -> Number:
        """Return the AUROC of data of the tail against others by their uncertainty (N,)."""

        def area(rows: Tensor) -> float:
            values, is_tail = uncertainty[rows], self.in_tail[rows]
            return separation(values[~is_tail], values[is_tail])

        return self._with_error(area)

    def correlation(self, uncertainty: Tensor) -> Number:
        """Return the rank correlation of a class's mean uncertainty and its number of data."""

        def correlated(rows: Tensor) -> float:
            found = metrics.by_class(
                uncertainty[rows].double(), self.y[rows], len(self.counts)
            )
            ranks = torch.stack([_ranks(found.mean), _ranks(self.counts)])
            return float(torch.corrcoef(ranks)[0, 1])

        return self._with_error(correlated)

    def _with_error(self, value: Callable[[Tensor], float]) -> Number:
        """Return a value of all rows, with its standard deviation over resampled ones."""
        resampled = torch.tensor([value(rows) for rows in self.resampled])
        return Number(value(torch.arange(len(self.y))), float(resampled.std()))


@dataclass(frozen=True)
class ClassPrediction:
    """What a prediction says of each test datum.

    Arguments:
        task: The classes and the test data.
        probs: Class probabilities averaged over draws, (N, O).
        epistemic: Mutual information of class and draw in nats, (N,).
    """

    task: Task
    probs: Tensor
    epistemic: Tensor

    @property
    def has_draws(self) -> bool:
        """Whether draws differ, so that there is epistemic uncertainty."""
        return bool((self.epistemic > 1e-6).any())

    @property
    def error(self) -> Tensor:
        """100 where the most probable class is wrong, else 0, (N,)."""
        return 100.0 * (self.probs.argmax(-1) != self.task.y)

    @property
    def nll(self) -> Tensor:
        """Negative log probability of the label in nats, (N,)."""
        chosen = self.probs.gather(1, self.task.y.unsqueeze(-1))[:, 0]
        return -chosen.clamp(min=1e-12).log()

    @property
    def entropy(self) -> Tensor:
        """Entropy of the averaged probabilities in nats, (N,)."""
        return torch.special.entr(self.probs).sum(-1)

    def referred(self, fraction: float, uncertainty: Tensor) -> Tensor:
        """Return which data are referred: a fraction of them, the most uncertain ones, (N,)."""
        number = round(fraction * len(uncertainty))
        chosen = torch.zeros(len(uncertainty), dtype=torch.bool)
        chosen[uncertainty.argsort(descending=True, stable=True)[:number]] = True

        return chosen

    def error_of_kept(self, referred: Tensor) -> Number:
        """Return the balanced error in per cent of the data that are not referred."""
        kept = Task(self.task.counts, self.task.y[~referred])
        return kept.balanced(self.error[~referred])

    def rows(self, fraction: float) -> list[dict[str, float]]:
        """Return the scores of each class in a row, from the largest to the smallest.

        Arguments:
            fraction: Fraction of the data that is referred by entropy.
        """
        task = self.task
        referred = self.referred(fraction, self.entropy)
        means = {
            "error %": task.by_class(self.error).mean,
            "nll": task.by_class(self.nll).mean,
            "epistemic": task.by_class(self.epistemic).mean,
            "referred": task.by_class(referred).mean,
        }
        rows = []
        for label in task.order.tolist():
            own = task.y == label
            ece = metrics.calibration_error(self.probs[own], task.y[own])
            row = {"class": label, "training data": int(task.counts[label])}
            row |= {name: float(values[label]) for name, values in means.items()}
            rows.append(row | {"ece": float(ece)})

        return rows


def _ranks(values: Tensor) -> Tensor:
    """Return the ranks of values, where equal ones share their mean rank."""
    below = (values.unsqueeze(-1) > values).sum(-1)
    equal = (values.unsqueeze(-1) == values).sum(-1)

    return below + (equal - 1) / 2
