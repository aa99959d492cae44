"""The result of a comparison: its table, its posteriors and its figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from zoo.datasets import Dataset
from zoo.diagnostics.fidelity import Fidelity
from zoo.posterior.function_posterior import FunctionPosterior
from zoo.posterior.posterior import Posterior
from zoo.reports.comparison_table import TRUTH, num_draws_of
from zoo.reports.input_line import (
    line_through,
    most_uncertain_feature,
    most_uncertain_input,
)
from zoo.reports.table import Table, Tabled

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
class Comparison(Tabled):
    """The result of `zoo.compare`: a table that a notebook renders, the posteriors, and a figure.

    Arguments:
        table: A row per guide, after that of the reference, called "truth".
        posteriors: The fitted posteriors by name, with the reference as "truth".
        fidelities: Scores against the reference by name.
        data: The data set.
    """

    table: Table
    posteriors: Mapping[str, Posterior]
    fidelities: Mapping[str, Fidelity]
    data: Dataset

    def plot(
        self,
        feature: int | None = None,
        x: Tensor | None = None,
        names: Sequence[str] | None = None,
        num_samples: int = 200,
    ) -> Figure:
        """Draw each guide's predictive band along a line of inputs, and fidelity against time.

        Along the line one input varies, to half its range beyond the data on either
        side, and the others are fixed. The band of the reference is behind each.

        Arguments:
            feature: Index of the input that varies; by default the one along which the
                reference has the largest epistemic uncertainty.
            x: Values of the other inputs (D,); by default the training input at which
                the reference has the largest epistemic uncertainty.
            names: Names of the inputs, for the axis.
            num_samples: Draws for each band.

        Raises:
            ValueError: Data that are not a regression with inputs (N, D) and one target,
                or a reference that is known at its own inputs alone.
        """
        from zoo import plots

        self._check_plot()
        inputs = self.data.train.x
        truth = self.posteriors[TRUTH]
        if x is None:
            x = most_uncertain_input(truth, inputs)

        if feature is None:
            feature = most_uncertain_feature(truth, inputs, x)

        line = line_through(inputs, x, feature)
        band_of_truth = _band(truth, line, num_samples)
        bands = {}
        seconds = {}
        scores = {}
        for name, card in self.fidelities.items():
            posterior = self.posteriors[name]
            bands[name] = _band(posterior, line, num_samples)
            seconds[name] = posterior.info.seconds
            scores[name] = card.wasserstein

        first = next(iter(self.fidelities.values()))

        return plots.comparison(
            line[:, feature],
            band_of_truth,
            bands,
            seconds=seconds,
            scores=scores,
            floor=first.floor["wasserstein"],
            xlabel=names[feature] if names else f"input {feature + 1}",
            ylabel="f(x), standardised",
            score="Wasserstein-1 distance, reference sd",
        )

    def _check_plot(self) -> None:
        """Refuse data and references of which there is no figure."""
        inputs, y = self.data.train
        is_table = inputs.dim() == 2
        is_regression = y.is_floating_point() and y.shape[-1] == 1
        if not is_table or not is_regression:
            shape, y_shape = tuple(inputs.shape), tuple(y.shape)
            raise ValueError(
                "the figure needs inputs of shape (N, D) and one real target, (N, 1), not "
                f"{shape} and {y_shape}; draw the predictions of the posteriors with zoo.plots"
            )

        if isinstance(self.posteriors[TRUTH], FunctionPosterior):
            raise ValueError(
                "this reference is known at its own inputs only; write "
                "comparison.fidelities[NAME].plot()"
            )


def _band(posterior: Posterior, line: Tensor, num_samples: int) -> Tensor:
    """Return draws of the function along a line, (S, N)."""
    num_draws = num_draws_of(posterior, num_samples)
    prediction = posterior.predict(line, num_draws)

    return prediction.functions[..., 0]
