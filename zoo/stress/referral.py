"""Referral: the accuracy of what is kept when the most uncertain inputs go to a human."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from zoo import metrics
from zoo.data import pair
from zoo.datasets import Dataset
from zoo.posterior.posterior import Posterior
from zoo.reports.table import Table, Tabled
from zoo.stress.evaluation import evaluated, sampled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FRACTIONS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)


@dataclass(frozen=True, repr=False, eq=False)
class Referral(Tabled):
    """Scores of the inputs that are kept, at growing fractions referred, for each rule of referring.

    Arguments:
        fractions: Fractions referred to a human, (K,), beginning with 0.
        kept: How many inputs are kept, (K,).
        scores: Accuracy and nll of what is kept, (K,), by rule and by name.
    """

    fractions: Sequence[float]
    kept: Sequence[int]
    scores: Mapping[str, Mapping[str, Sequence[float]]]

    @property
    def table(self) -> Table:
        """A row for each rule and fraction."""
        rows = [
            (rule, fraction, kept, *values)
            for rule, found in self.scores.items()
            for fraction, kept, *values in zip(
                self.fractions, self.kept, *found.values(), strict=True
            )
        ]
        return Table(
            ("referred by", "referred", "kept", *next(iter(self.scores.values()))),
            rows,
            {"referred": 2},
        )

    def plot(self, score: str = "accuracy") -> Axes:
        """Draw a score of what is kept over the fraction referred, a line for each rule."""
        from zoo import plots

        lines = {rule: found[score] for rule, found in self.scores.items()}
        return plots.referral(self.fractions, lines, ylabel=f"{score} of what is kept")


def referral(
    posterior: Posterior,
    data: Dataset | tuple[Tensor, Tensor],
    fractions: Sequence[float] = FRACTIONS,
    num_samples: int = 100,
) -> Referral:
    r"""Refer the most uncertain inputs to a human, and score what the posterior says of the rest.

    .. math:: \text{accuracy}(r) = \frac{1}{|K_r|} \sum_{n \in K_r} 1[\hat y_n = y_n], \qquad
        K_r = \text{the } N - \operatorname{round}(rN) \text{ inputs of least uncertainty}

    Two rules: by the entropy of the averaged probabilities, and by the mutual
    information of class and draw. Referred at random, the score would stay what it is
    for all inputs.

    References:
        Leveraging uncertainty information from deep neural networks for disease detection (Leibig, Allken, Ayhan,
        Berens, Wahl, 2017)

    Arguments:
        posterior: The posterior of one of the zoo's models of classes.
        data: A data set, whose test part is evaluated, or a pair (x, y) as the network
            takes it.
        fractions: Fractions of the inputs that a human looks at, from 0 to below 1; 0
            is added.
        num_samples: Draws of the posterior.

    Raises:
        ValueError: A fraction that leaves nothing, or is none; a posterior without
            weights or classes.

    Example:
        >>> from zoo import stress
        >>> found = stress.referral(classifier, digits, fractions=(0.0, 0.5), num_samples=5)
        >>> found.kept
        (360, 180)
    """
    x, y = (
        data.test
        if isinstance(data, Dataset)
        else pair(data, "data is a zoo.datasets.Dataset or a pair (x, y)")
    )
    fractions = tuple(sorted({0.0, *fractions}))
    for fraction in fractions:
        if not (0 <= fraction < 1 and round(fraction * len(y)) < len(y)):
            raise ValueError(
                f"a fraction of the inputs is referred, from 0 to below 1, and one of {len(y)} is kept at least; "
                f"{fraction} is none, or leaves none"
            )
    kept = tuple(len(y) - round(fraction * len(y)) for fraction in fractions)
    found = evaluated(posterior, sampled(posterior, num_samples), x, y)
    scores = {}
    for rule, uncertainty in (
        ("entropy", found.entropy),
        ("mutual information", found.epistemic),
    ):
        order = uncertainty.argsort(stable=True)
        parts = [order[:number] for number in kept]
        scores[rule] = {
            "accuracy": [
                float(metrics.accuracy(found.probs[part], found.y[part]))
                for part in parts
            ],
            "nll": [float(metrics.nll(found.log_prob[part])) for part in parts],
        }
    return Referral(fractions, kept, scores)
