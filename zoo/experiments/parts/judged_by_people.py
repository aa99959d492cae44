"""Predictions judged by the answers of several people: distances, costs, disagreement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoo import people
from zoo.experiments.parts.rank_correlation import difference, rank_correlation
from zoo.experiments.running.run import Run
from zoo.experiments.running.scores import Number
from zoo.people import CostCurve
from zoo.predictive.prediction import Prediction

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PRICES = (0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
_SPREAD = 1.0  # an answer of half of the people more, spread over classes
_TINY = 1e-30  # a probability that is rounded to zero
_HALF = "half of the people"
_NUM_BINS = 10
CROSS_ENTROPY = "cross-entropy with people, nats"
TOTAL_VARIATION = "total variation from people"
_MEASURES = {
    CROSS_ENTROPY: people.cross_entropy,
    TOTAL_VARIATION: people.total_variation,
}


@dataclass(frozen=True, eq=False)
class JudgedByPeople:
    """Predictions of images that several people have named.

    Arguments:
        run: The run.
        y: Labels, (N,).
        counts: Number of people who name each class, (N, O).
        predictions: Predictions of the images, by name.
    """

    run: Run
    y: Tensor
    counts: Tensor
    predictions: Mapping[str, Prediction]

    @cached_property
    def distances(self) -> dict[str, dict[str, Tensor]]:
        """Cross-entropy and total variation of each prediction and of half of the people, (N,)."""
        one, other = people.halves(self.counts, self.run.seed)
        spread = one + _SPREAD / one.shape[-1]
        smoothed = (spread / spread.sum(-1, keepdim=True)).float()
        plain = (one / one.sum(-1, keepdim=True)).float()

        found: dict[str, dict[str, Tensor]] = {}
        for measure, function in _MEASURES.items():
            found[measure] = {}
            for name, prediction in self.predictions.items():
                probs = prediction.probs.clamp_min(_TINY)
                found[measure][name] = function(probs, self.counts)

            half = smoothed if function is people.cross_entropy else plain
            found[measure][_HALF] = function(half, other)

        return found

    @cached_property
    def curves(self) -> dict[str, CostCurve]:
        """The costs of machine, person and policy of each prediction."""
        found = {}
        for name, prediction in self.predictions.items():
            found[name] = people.cost_curve(prediction, self.y, self.counts, _PRICES)

        return found

    def state_agreement(self, compared: str) -> None:
        """State the distances from people, and their differences from one prediction.

        Arguments:
            compared: The name of that prediction.
        """
        report = self.run.report
        wrong = people.mistakes(self.counts, self.y)
        report.find("error of a person, %", Number.mean(100 * wrong))
        entropy = Number.mean(people.disagreement(self.counts))
        report.find("entropy of people's answers, nats", entropy)

        for measure, values in self.distances.items():
            for name, distance in values.items():
                what = f"{measure}, {name}"
                report.find(what, Number.mean(distance), headline=True)

            for name in self.predictions:
                if name != compared:
                    gain = Number.mean(values[name] - values[compared])
                    report.find(f"{measure}, {name} minus {compared}", gain)

    def state_costs(self, price: float, compared: str) -> None:
        """State what an answer costs at one price of asking, and tabulate all prices.

        Arguments:
            price: The price.
            compared: The name of the prediction whose policy is subtracted.
        """
        report = self.run.report
        at = _PRICES.index(price)
        reference = self.curves[compared]
        asking = Number.mean(reference.asking[at])
        report.find(f"cost of a person at {price:g}, errors", asking)
        for name, curve in self.curves.items():
            report.tabulate(f"costs, {name}", curve.table.to_dicts())
            machine = Number.mean(curve.machine)
            report.find(f"cost of the machine, {name}, errors", machine)
            cost = Number.mean(curve.policy[at])
            what = f"cost of asking at {price:g} if it pays, {name}, errors"
            report.find(what, cost, headline=True)
            asked = Number.mean(100.0 * curve.asked[at])
            report.find(f"asked at {price:g}, {name}, %", asked)
            alone = min(curve.machine, curve.asking[at], key=torch.mean)
            what = f"cost at {price:g} minus the cheaper one alone, {name}, errors"
            report.find(what, Number.mean(curve.policy[at] - alone))
            if name != compared:
                gain = Number.mean(curve.policy[at] - reference.policy[at])
                report.find(f"cost at {price:g}, {name} minus {compared}", gain)

    def state_disagreement(self, names: Sequence[str]) -> None:
        """State which part of the uncertainty ranks images as the disagreement of people does.

        Arguments:
            names: Predictions with several draws.
        """
        report = self.run.report
        theirs = people.disagreement(self.counts)
        one, other = people.halves(self.counts, self.run.seed)
        ceiling = rank_correlation(people.disagreement(one), people.disagreement(other))
        report.find("rank correlation of the entropies of half and half", ceiling)
        for name, prediction in self.predictions.items():
            what = f"rank correlation with people's entropy, {name}, entropy"
            report.find(what, rank_correlation(prediction.entropy, theirs))

        for name in names:
            prediction = self.predictions[name]
            parts = {
                "aleatoric": prediction.aleatoric,
                "epistemic": prediction.epistemic,
            }
            for part, values in parts.items():
                what = f"rank correlation with people's entropy, {name}, {part}"
                found = rank_correlation(values, theirs)
                report.find(what, found, headline=True)

            what = f"rank correlation, {name}, aleatoric minus epistemic"
            report.find(what, difference(*parts.values(), theirs))

    def draw_distances(self, ax: Axes, measure: str) -> None:
        """Draw one distance from people, a row for each prediction.

        Arguments:
            ax: Axis to draw on.
            measure: The name of the distance.
        """
        from zoo.plots.canvas import COLORS

        for name, values in self.distances[measure].items():
            number = Number.mean(values)
            color = "grey" if name == _HALF else COLORS[0]
            bar = number.two_errors
            ax.errorbar(number.value, name, xerr=bar, fmt="o", color=color)

        if measure == CROSS_ENTROPY:
            entropy = float(people.disagreement(self.counts).mean())
            ax.axvline(entropy, color="grey", linestyle="--")
            ax.set_title("dashed: entropy of people's answers", fontsize="small")

        ax.set(xlabel=measure, xlim=(0, None))

    def draw_costs(self, ax: Axes, names: Sequence[str]) -> None:
        """Draw the cost of an answer over the price of asking.

        Arguments:
            ax: Axis to draw on.
            names: Predictions that have a line; the first one is drawn alone too.
        """
        from zoo import plots

        first = self.curves[names[0]]
        lines = {
            "machine alone": first.machine.mean().expand(len(_PRICES)),
            "person alone": first.asking.mean(1),
        }
        for name in names:
            lines[f"who is cheaper, {name}"] = self.curves[name].policy.mean(1)

        lines["at best"] = first.best.mean(1)
        plots.cost_curve(_PRICES, lines, ax=ax)
        ax.set(xlim=(0, 0.2), ylim=(0, 0.16), yticks=[0, 0.05, 0.1, 0.15])
        ax.legend(frameon=False, fontsize="x-small", loc="upper right")

    def draw_asked(self, ax: Axes, names: Sequence[str]) -> None:
        """Draw how many images a person is asked about, over the price of asking.

        Arguments:
            ax: Axis to draw on.
            names: Predictions that have a line.
        """
        from zoo.plots.curves import curve

        for number, name in enumerate(names):
            asked = self.curves[name].asked.double().mean(1)
            curve(ax, _PRICES, 100 * asked, number, label=name)

        ax.set(xlabel="price of asking, errors", ylabel="asked, %", xlim=(0, 0.2))
        ax.legend(frameon=False, fontsize="small")

    def draw_disagreement(self, ax: Axes, name: str) -> None:
        """Draw people's entropy in tenths of the images, by either part of the uncertainty."""
        theirs = people.disagreement(self.counts)
        prediction = self.predictions[name]
        for part, style in (("aleatoric", "o-"), ("epistemic", "s-")):
            order = getattr(prediction, part).argsort()
            tenths = theirs[order].tensor_split(_NUM_BINS)
            numbers = [Number.mean(values) for values in tenths]
            ax.errorbar(
                range(1, _NUM_BINS + 1),
                [number.value for number in numbers],
                [number.two_errors for number in numbers],
                fmt=style,
                label=f"{part}, {name}",
            )

        ax.set(
            xlabel="tenth of the images by uncertainty", ylabel="people's entropy, nats"
        )
        ax.legend(frameon=False, fontsize="small")
