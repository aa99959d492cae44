"""The curve of pruning: what a posterior is worth as ever more of its weights are dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoo import metrics
from zoo.metrics.class_scores import class_scores
from zoo.posterior.posterior import Posterior
from zoo.pruning.masking import Rule, kept, masked, moments, needs
from zoo.pruning.rules import density_at_zero, magnitude, signal_to_noise
from zoo.reports.table import Table, Tabled
from zoo.runtime.progress import bar

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FRACTIONS = (0.0, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99)
RULES = {
    "density at zero": density_at_zero,
    "signal to noise": signal_to_noise,
    "magnitude": magnitude,
}


@dataclass(frozen=True, repr=False, eq=False)
class Curves(Tabled):
    """Scores of a posterior at growing fractions of dropped weights, for several rules.

    Arguments:
        fractions: Fractions dropped, (K,).
        scores: Scores by rule and by name, (K,) each.
    """

    fractions: Sequence[float]
    scores: Mapping[str, Mapping[str, Sequence[float]]]

    @property
    def table(self) -> Table:
        """A row for each rule and fraction."""
        names = next(iter(self.scores.values()))
        rows = [
            (rule, fraction, *(found[name][number] for name in names))
            for rule, found in self.scores.items()
            for number, fraction in enumerate(self.fractions)
        ]
        return Table(("rule", "dropped", *names), rows)

    def plot(self, score: str | None = None) -> Axes:
        """Draw one score over the fraction dropped, a line for each rule; the first score by default."""
        from zoo import plots

        score = score or next(iter(next(iter(self.scores.values()))))
        lines = {rule: found[score] for rule, found in self.scores.items()}
        return plots.pruning(self.fractions, lines, ylabel=score)


def curve(
    posterior: Posterior,
    data: tuple[Tensor, Tensor],
    rules: Mapping[str, Rule] = RULES,
    fractions: Sequence[float] = FRACTIONS,
    num_samples: int = 50,
    progress: bool = True,
) -> Curves:
    """Prune a posterior by several rules to several fractions, and score each on held-out data.

    Every point is scored with the same draws, so what differs is what was dropped.

    References:
        Weight Uncertainty in Neural Networks (Blundell, Cornebise, Kavukcuoglu, Wierstra, 2015), section 5.1

    Arguments:
        posterior: The posterior of one of the zoo's models with random weights.
        data: Held-out inputs and targets.
        rules: Rules by the name they have in table and picture.
        fractions: Fractions of the weights to drop, from 0 to 1.
        num_samples: Draws behind each prediction.
        progress: Whether to show a progress bar.

    Example:
        >>> found = curve(posterior, data.test, fractions=(0.0, 0.9), num_samples=5, progress=False)
        >>> [row["dropped"] for row in found.table.to_dicts()][:2]
        [0.0, 0.9]
    """
    x, y = data
    known = moments(posterior)
    scores: dict[str, dict[str, list[float]]] = {rule: {} for rule in rules}
    with bar(len(rules) * len(fractions), "pruned posteriors", progress) as shown:
        for name, rule in rules.items():
            needed = needs(posterior, rule, known)
            for fraction in fractions:
                pruned = masked(posterior, rule, kept(needed, fraction))
                with torch.random.fork_rng():  # the same draws at every point
                    found = scored(pruned, x, y, num_samples)
                for score, value in found.items():
                    scores[name].setdefault(score, []).append(value)
                shown.update()
    return Curves(tuple(fractions), scores)


def scored(
    posterior: Posterior, x: Tensor, y: Tensor, num_samples: int
) -> dict[str, float]:
    """Return accuracy, negative log likelihood and calibration error; for real targets root mean square and nll."""
    own = posterior.num_samples
    prediction = posterior.predict(
        x, num_samples if own is None else min(own, num_samples), progress=False
    )
    log_prob = prediction.log_prob(y)
    if not posterior.model.likelihood.discrete:
        return {
            "rmse": float(metrics.rmse(prediction.mean, y)),
            "nll": float(metrics.nll(log_prob)),
        }
    return class_scores(prediction.mean, log_prob, y.long())
