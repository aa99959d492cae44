"""The comparison of several guides on one model and data set with a reference posterior."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from zoo.datasets import Dataset, Split
from zoo.diagnostics.fidelity import Fidelity, fidelity
from zoo.inference import SVI
from zoo.model import BayesianNetwork
from zoo.posterior.function_posterior import FunctionPosterior
from zoo.posterior.posterior import Posterior
from zoo.reports.comparison_table import TRUTH, comparison_table, num_draws_of
from zoo.reports.input_line import (
    line_through,
    most_uncertain_feature,
    most_uncertain_input,
)
from zoo.reports.scores import accuracy_scores
from zoo.reports.table import Table, Tabled
from zoo.runtime.programs import PyroProgram

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from zoo.references import Reference

__all__ = ["Comparison", "accuracy_scores", "compare"]

Pair = tuple[BayesianNetwork, PyroProgram]
Guides = Sequence[PyroProgram] | Mapping[str, PyroProgram | Pair]


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
            score="Wasserstein-1 to the truth, in its sd",
        )

    def _check_plot(self) -> None:
        """Refuse data and references of which there is no figure."""
        inputs, y = self.data.train
        is_table = inputs.dim() == 2
        is_regression = y.is_floating_point() and y.shape[-1] == 1
        if not is_table or not is_regression:
            shape, y_shape = tuple(inputs.shape), tuple(y.shape)
            raise ValueError(
                "a line through input space needs inputs (N, D) and one real target (N, 1), not "
                f"{shape} and {y_shape}; draw the predictions of the posteriors with zoo.plots"
            )

        if isinstance(self.posteriors[TRUTH], FunctionPosterior):
            raise ValueError(
                "a reference is known at its own inputs alone; draw .fidelities[NAME].plot() "
                "instead"
            )


def compare(
    model: BayesianNetwork,
    guides: Guides,
    reference: Posterior | Reference,
    data: Dataset | None = None,
    *,
    num_steps: int = 2000,
    lr: float = 1e-2,
    batch_size: int | None = None,
    num_samples: int = 400,
    progress: bool = True,
) -> Comparison:
    """Fit guides to one data set and compare them with a reference posterior.

    Errors and log likelihoods are in the data set's original units. The fidelity columns
    are those of `zoo.fidelity`; in the row of the reference they are its floor.

    References:
        What Are Bayesian Neural Network Posteriors Really Like?
        (Izmailov, Vikram, Hoffman, Wilson, 2021)

    Arguments:
        model: The model of the guides.
        guides: The guides, or a mapping from names to guides; a guide that needs a
            prior of its own is given as a pair (model, guide).
        reference: The posterior of `inference.NUTS` or `HMC` on the model, or one of
            `zoo.references`. Its row is called "truth".
        data: The data set; guides are fitted to its training part and scored on its
            test part. Omit it for one of `zoo.references`, which has its own data and
            is compared at its own inputs.
        num_steps: Gradient steps of each fit.
        lr: Learning rate of each fit, which decays to zero as a cosine.
        batch_size: Batch size of each fit; by default all data at once.
        num_samples: Draws for each prediction.
        progress: Whether to show progress bars.

    Raises:
        ValueError: Two guides of one family without names, or data missing for a
            posterior or given for a reference.

    Example:
        >>> truth = inference.HMC(
        ...     model, num_chains=2, warmup_steps=5, num_samples=9, progress=False, compile=False
        ... ).fit(data.train)
        >>> comparison = zoo.compare(
        ...     model, [guides.Delta(model)], truth, data, num_steps=5, progress=False
        ... )
        >>> comparison.table.column("guide")
        ['truth', 'Delta']
    """
    named = _by_name(model, guides)
    truth = _truth_of(reference, data)

    posteriors = {TRUTH: truth.posterior}
    for name, (own_model, guide) in named.items():
        decay = partial(torch.optim.lr_scheduler.CosineAnnealingLR, T_max=num_steps)
        engine = SVI(
            own_model,
            guide,
            num_steps=num_steps,
            lr=lr,
            scheduler=decay,
            progress=progress,
        )

        posteriors[name] = engine.fit(truth.data.train, batch_size=batch_size)

    fidelities = {}
    for name in named:
        fidelities[name] = fidelity(posteriors[name], reference, truth.x)

    table = comparison_table(
        posteriors, fidelities, truth.data, truth.test, num_samples
    )

    return Comparison(table, posteriors, fidelities, truth.data)


def _band(posterior: Posterior, line: Tensor, num_samples: int) -> Tensor:
    """Return draws of the function along a line, (S, N)."""
    num_draws = num_draws_of(posterior, num_samples)
    prediction = posterior.predict(line, num_draws)

    return prediction.functions[..., 0]


class _Truth(NamedTuple):
    """The reference posterior of a comparison, with the data that go with it."""

    posterior: Posterior
    data: Dataset
    test: Split  # held-out inputs, and targets if there are any
    x: Tensor | None  # inputs of the comparison; None for the reference's own


def _truth_of(reference: Posterior | Reference, data: Dataset | None) -> _Truth:
    """Return the reference posterior with its data."""
    if isinstance(reference, Posterior):
        if data is None:
            raise ValueError("a posterior is compared on data; give a data set as well")

        return _Truth(reference, data, test=data.test, x=data.test.x)

    if data is not None:
        raise ValueError("a reference has its own data; omit data")

    test = Split(reference.inputs, reference.targets)

    return _Truth(reference.posterior, reference.data, test=test, x=None)


def _by_name(model: BayesianNetwork, guides: Guides) -> dict[str, Pair]:
    """Return the guides with their models by name: by their families if no names are given."""
    if isinstance(guides, Mapping):
        named = dict(guides)
    else:
        named = {}
        for guide in guides:
            named[type(guide).__name__] = guide

    if len(named) < len(guides):
        raise ValueError(
            "two guides are of one family; give a mapping from names to guides"
        )

    pairs = {}
    for name, guide in named.items():
        pairs[name] = guide if isinstance(guide, tuple) else (model, guide)

    return pairs
