"""Referral: the accuracy on the kept inputs when the most uncertain ones go to a human."""

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
from zoo.stress.draws import sample_draws
from zoo.stress.evaluation import LabelledEvaluation, evaluate_labelled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FRACTIONS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)


@dataclass(frozen=True, repr=False, eq=False)
class Referral(Tabled):
    """Scores on the kept inputs, at growing fractions referred, for each rule of referral.

    Arguments:
        fractions: Fractions referred to a human, (K,), beginning with 0.
        kept: Number of kept inputs, (K,).
        scores: Accuracy and nll (nats) on the kept inputs, (K,), by rule and by name.

    Example:
        >>> found = Referral((0.0, 0.5), (360, 180), {"entropy": {"accuracy": (0.9, 0.99)}})
        >>> found.table.to_dicts()[1]
        {'referred by': 'entropy', 'referred': 0.5, 'kept': 180, 'accuracy': 0.99}
    """

    fractions: Sequence[float]
    kept: Sequence[int]
    scores: Mapping[str, Mapping[str, Sequence[float]]]

    @property
    def table(self) -> Table:
        """The scores, in a row for each rule and fraction."""
        rows = []
        for rule, scores in self.scores.items():
            lines = zip(self.fractions, self.kept, *scores.values(), strict=True)
            for line in lines:
                rows.append((rule, *line))

        names = next(iter(self.scores.values()))
        columns = ("referred by", "referred", "kept", *names)
        digits = {"referred": 2}

        return Table(columns, rows, digits)

    def plot(self, score: str = "accuracy") -> Axes:
        """Draw a score on the kept inputs over the fraction referred, a line for each rule.

        Arguments:
            score: The name of the score, "accuracy" or "nll".
        """
        from zoo import plots
        from zoo.plots.canvas import with_unit

        lines = {rule: scores[score] for rule, scores in self.scores.items()}
        unit = with_unit(score).removeprefix(score)
        ylabel = f"{score} of what is kept{unit}"

        return plots.referral(self.fractions, lines, ylabel=ylabel)


def referral(
    posterior: Posterior,
    data: Dataset | tuple[Tensor, Tensor],
    fractions: Sequence[float] = _FRACTIONS,
    *,
    num_samples: int = 100,
) -> Referral:
    r"""Refer the most uncertain inputs to a human, and score the predictions for the rest.

    .. math:: \text{accuracy}(r) = \frac{1}{|K_r|} \sum_{n \in K_r} 1[\hat y_n = y_n], \qquad
        K_r = \text{the } N - \operatorname{round}(rN) \text{ inputs of least uncertainty}

    There are two rules: the entropy of the averaged probabilities, and the mutual
    information of class and draw. If inputs were referred at random, the expected score
    would be the same at every fraction.

    References:
        Leveraging uncertainty information from deep neural networks for disease detection
        (Leibig, Allken, Ayhan, Berens, Wahl, 2017)

    Arguments:
        posterior: The posterior of one of the zoo's models of classes.
        data: A data set, whose test part is evaluated, or a pair (x, y) as the network
            takes it.
        fractions: Fractions of the inputs to refer, from 0 to below 1; 0 is added.
        num_samples: Number of draws of the posterior.

    Raises:
        ValueError: A fraction outside [0, 1), or one that keeps no input; a posterior
            without weights or classes.

    Example:
        >>> from zoo import stress
        >>> found = stress.referral(classifier, digits, fractions=(0.0, 0.5), num_samples=5)
        >>> found.kept
        (360, 180)
    """
    if isinstance(data, Dataset):
        x, y = data.test
    else:
        x, y = pair(data, "data must be a zoo.datasets.Dataset or a pair (x, y)")

    fractions = tuple(sorted({0.0, *fractions}))
    for fraction in fractions:
        _check_fraction(fraction, len(y))
    kept = tuple(_num_kept(fraction, len(y)) for fraction in fractions)

    draws = sample_draws(posterior, num_samples)
    evaluation = evaluate_labelled(draws, x, y)
    scores = {
        "entropy": _scores(evaluation, evaluation.entropy, kept),
        "mutual information": _scores(evaluation, evaluation.epistemic, kept),
    }

    return Referral(fractions, kept, scores)


def _num_kept(fraction: float, number: int) -> int:
    """Return how many inputs are kept when a fraction of a number is referred."""
    referred = round(fraction * number)
    return number - referred


def _check_fraction(fraction: float, number: int) -> None:
    """Refuse a fraction that is outside [0, 1), or refers all inputs."""
    if 0 <= fraction < 1 and _num_kept(fraction, number) > 0:
        return

    raise ValueError(
        "a fraction to refer must be at least 0 and below 1, and keep at least one "
        f"of the {number} inputs, not {fraction}"
    )


def _scores(
    evaluation: LabelledEvaluation, uncertainty: Tensor, kept: Sequence[int]
) -> dict[str, list[float]]:
    """Return accuracy and nll on the least uncertain inputs, (K,) each, by name."""
    order = uncertainty.argsort(stable=True)
    accuracies = []
    nlls = []
    for number in kept:
        rows = order[:number]

        accuracy = metrics.accuracy(evaluation.probs[rows], evaluation.y[rows])
        accuracies.append(float(accuracy))

        nll = metrics.nll(evaluation.log_prob[rows])
        nlls.append(float(nll))

    return {"accuracy": accuracies, "nll": nlls}
