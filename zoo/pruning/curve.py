"""The curve of pruning: scores of a posterior at growing fractions of dropped weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoo import metrics
from zoo.metrics.class_scores import class_scores
from zoo.posterior.posterior import Posterior
from zoo.predictive.observed_targets import where_observed
from zoo.pruning.masking import importance, masked
from zoo.pruning.masks import keep_most_important
from zoo.pruning.moments import weight_moments
from zoo.pruning.rules import Rule, density_at_zero, magnitude, signal_to_noise
from zoo.reports.table import Cell, Table, Tabled
from zoo.runtime.progress import bar

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FRACTIONS = (0.0, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99)
_RULES: Mapping[str, Rule] = {
    "density at zero": density_at_zero,
    "signal to noise": signal_to_noise,
    "magnitude": magnitude,
}


@dataclass(frozen=True, repr=False, eq=False)
class Curves(Tabled):
    """Scores of a posterior at growing fractions of dropped weights, for several rules.

    Arguments:
        fractions: Fractions of the weights that are dropped, (K,).
        scores: Scores by rule and by name, (K,) each.

    Example:
        >>> found = Curves((0.0, 0.9), {"magnitude": {"rmse": (0.1, 0.2)}})
        >>> found.table.to_dicts()[1]
        {'rule': 'magnitude', 'dropped': 0.9, 'rmse': 0.2}
    """

    fractions: Sequence[float]
    scores: Mapping[str, Mapping[str, Sequence[float]]]

    @property
    def table(self) -> Table:
        """The scores, in a row for each rule and fraction."""
        rows = []
        for rule, scores in self.scores.items():
            for number, fraction in enumerate(self.fractions):
                row: list[Cell] = [rule, fraction]
                for values in scores.values():
                    row.append(values[number])
                rows.append(row)

        return Table(("rule", "dropped", *self._names()), rows)

    def plot(self, score: str | None = None) -> Axes:
        """Draw a score over the fraction of dropped weights, a line for each rule.

        Arguments:
            score: The name of the score; the first one by default.
        """
        from zoo import plots
        from zoo.plots.canvas import with_unit

        name = self._names()[0] if score is None else score
        lines = {rule: scores[name] for rule, scores in self.scores.items()}
        return plots.pruning(self.fractions, lines, ylabel=with_unit(name))

    def _names(self) -> list[str]:
        """Return the names of the scores."""
        scores = next(iter(self.scores.values()))
        return list(scores)


def curve(
    posterior: Posterior,
    data: tuple[Tensor, Tensor],
    rules: Mapping[str, Rule] = _RULES,
    fractions: Sequence[float] = _FRACTIONS,
    num_samples: int = 50,
    progress: bool = True,
) -> Curves:
    """Prune a posterior by several rules to several fractions, and score it on held-out data.

    Every point is scored with the same draws, so the points differ only in what was
    dropped.

    References:
        Weight Uncertainty in Neural Networks (Blundell, Cornebise, Kavukcuoglu, Wierstra,
        2015), section 5.1

    Arguments:
        posterior: The posterior of one of the zoo's models with random weights.
        data: Held-out inputs (N, ...) and targets.
        rules: Rules by their name in the table and the figure.
        fractions: Fractions of the weights to drop, from 0 to 1.
        num_samples: Number of draws behind each prediction.
        progress: Whether to show a progress bar.

    Example:
        >>> found = curve(
        ...     posterior, data.test, fractions=(0.0, 0.9), num_samples=5, progress=False
        ... )
        >>> [row["dropped"] for row in found.table.to_dicts()][:2]
        [0.0, 0.9]
    """
    x, y = data
    moments = weight_moments(posterior)
    scores: dict[str, dict[str, list[float]]] = {}
    with bar(len(rules) * len(fractions), "pruned posteriors", progress) as shown:
        for name, rule in rules.items():
            scores[name] = {}
            weights = importance(posterior, rule, moments)

            for fraction in fractions:
                masks = keep_most_important(weights, fraction)
                pruned = masked(posterior, rule, masks)

                with torch.random.fork_rng():  # the same draws at every point
                    found = _scores(pruned, x, y, num_samples)

                for score, value in found.items():
                    scores[name].setdefault(score, []).append(value)
                shown.update()

    return Curves(tuple(fractions), scores)


def _scores(
    posterior: Posterior, x: Tensor, y: Tensor, num_samples: int
) -> dict[str, float]:
    """Return the scores of predictions by name.

    Accuracy, nll (nats) and ece for classes; rmse and nll for real targets.
    """
    num_samples = posterior.num_available(num_samples)
    prediction = posterior.predict(x, num_samples, progress=False)
    log_prob = prediction.log_prob(y)

    mean, targets = where_observed(posterior.model.likelihood, prediction.mean, y)
    if prediction.has_classes:
        return class_scores(mean, log_prob, targets.long())

    rmse = metrics.rmse(mean, targets)
    nll = metrics.nll(log_prob)
    return {"rmse": float(rmse), "nll": float(nll)}
