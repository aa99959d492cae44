"""Who should answer: what machine, person and both together cost, by the price of asking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoo.people.answers import mistakes
from zoo.predictive.prediction import Prediction
from zoo.reports.table import Table, Tabled

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, repr=False, eq=False)
class CostCurve(Tabled):
    """What an answer costs if machine, person, or one of both gives it; an error costs 1.

    The cost of a person is the price of asking and the share of people who are wrong, the
    expected cost of one of them.

    Arguments:
        prices: Prices of asking a person, (K,).
        machine: Whether the machine is wrong, (N,).
        person: Share of people who are wrong, (N,).
        asked: Whether the policy asks a person, (K, N).

    Example:
        >>> machine, person = torch.tensor([0.0, 1.0]), torch.tensor([0.1, 0.1])
        >>> asked = torch.tensor([[True, True]])  # at the only price, 0.2
        >>> found = CostCurve(torch.tensor([0.2]), machine, person, asked)
        >>> found.policy, found.best  # it was of no use to ask about the first input
        (tensor([[0.3000, 0.3000]]), tensor([[0.0000, 0.3000]]))
    """

    prices: Tensor
    machine: Tensor
    person: Tensor
    asked: Tensor

    @property
    def asking(self) -> Tensor:
        """Cost of asking a person, (K, N)."""
        return self.prices.unsqueeze(1) + self.person

    @property
    def policy(self) -> Tensor:
        """Cost of the policy, (K, N)."""
        return torch.where(self.asked, self.asking, self.machine)

    @property
    def best(self) -> Tensor:
        """Cost of who knows beforehand where the machine is wrong, (K, N): no policy has less."""
        return torch.minimum(self.asking, self.machine)

    @property
    def table(self) -> Table:
        """Mean costs, in a row for each price."""
        machine = float(self.machine.mean())
        columns = zip(
            self.prices.tolist(),
            self.asked.double().mean(1).tolist(),
            self.asking.mean(1).tolist(),
            self.policy.mean(1).tolist(),
            self.best.mean(1).tolist(),
            strict=True,
        )
        rows = []
        for price, share, asking, policy, best in columns:
            rows.append((price, share, machine, asking, policy, best))

        names = ("price", "asked", "machine alone", "person alone", "policy", "at best")
        return Table(names, rows, dict.fromkeys(names, 4))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the mean costs over the price of asking.

        Arguments:
            ax: Axis to draw on; by default that of a new figure.
        """
        from zoo import plots

        lines = {
            "machine alone": self.machine.mean().expand(len(self.prices)),
            "person alone": self.asking.mean(1),
            "policy": self.policy.mean(1),
            "at best": self.best.mean(1),
        }

        return plots.cost_curve(self.prices, lines, ax=ax)


def cost_curve(
    prediction: Prediction, y: Tensor, counts: Tensor, prices: Sequence[float]
) -> CostCurve:
    r"""Ask a person where the machine is expected to cost more, for each price of asking.

    .. math:: \text{ask at } x \iff 1 - \max_k p_k(x) > c + \sum_k p_k(x) \, e_k

    Here e_k is the share of people who are wrong where k is the true class. It is
    estimated without the inputs whose cost it decides: for every second input from the
    others. An error costs 1, and c is the price of asking.

    References:
        On Optimum Recognition Error and Reject Tradeoff (Chow, 1970)
        Predict Responsibly: Improving Fairness and Accuracy by Learning to Defer (Madras,
        Pitassi, Zemel, 2018)

    Arguments:
        prediction: A prediction of classes at N inputs.
        y: Labels, (N,).
        counts: Number of people who name each class, (N, O).
        prices: Prices c of asking a person, (K,), in errors.

    Raises:
        AttributeError: A prediction of other targets than classes.
        ValueError: Shapes that do not fit, or no price.

    Example:
        >>> from zoo import people
        >>> prediction = classifier.predict(digits.test.x, num_samples=5)
        >>> counts = 50 * torch.nn.functional.one_hot(digits.test.y)  # people who never err
        >>> found = people.cost_curve(prediction, digits.test.y, counts, [0.0, 1.0])
        >>> found.policy[0].sum(), found.asked[1].sum()
        (tensor(0.), tensor(0))
    """
    if not len(prices):
        raise ValueError("prices is empty; give a price of asking, e.g. [0.05]")

    counts, y = counts.cpu(), y.cpu()
    person = mistakes(counts, y)
    num_classes = counts.shape[1]
    loss = 1 - torch.eye(num_classes)
    decided = prediction.decide(loss).chosen.cpu()

    asked = torch.zeros(len(prices), len(y), dtype=torch.bool)
    for half in (0, 1):
        other = 1 - half
        by_class = _mean_by_class(person[other::2], y[other::2], num_classes)
        for index, price in enumerate(prices):
            with_person = torch.cat([loss, (price + by_class).unsqueeze(0)])
            chosen = prediction.decide(with_person).chosen.cpu()
            asked[index, half::2] = chosen[half::2] == num_classes

    wrong = (decided != y).float()

    return CostCurve(torch.tensor(prices, dtype=torch.float32), wrong, person, asked)


def _mean_by_class(values: Tensor, y: Tensor, num_classes: int) -> Tensor:
    """Return the mean of values (N,) by class, (O,); of a class without any that of all."""
    means = values.mean().repeat(num_classes)
    for label in y.unique():
        means[label] = values[y == label].mean()

    return means
