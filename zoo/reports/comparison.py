"""Comparison: several guides on one model and data set, beside the truth, in one table and one figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoo import metrics
from zoo.datasets import Dataset, Split
from zoo.diagnostics.fidelity import Fidelity, fidelity
from zoo.inference import SVI
from zoo.metrics.class_scores import class_scores
from zoo.model import BayesianNetwork
from zoo.posterior.posterior import Posterior
from zoo.predictive.prediction import Prediction
from zoo.reports.table import Table, Tabled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from zoo.references import Reference

Guide = Callable[..., object]
TRUTH = "truth"


@dataclass(frozen=True, repr=False)
class Comparison(Tabled):
    """The result of `zoo.compare`: a table that a notebook renders, the posteriors behind it, and a figure.

    Arguments:
        table: A row per guide, the truth first.
        posteriors: The fitted posteriors by name, the truth among them as "truth".
        fidelities: Scores against the truth by name.
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
        """Draw each guide's predictive band over the truth's along a line in input space, and fidelity against time.

        The line varies one input, half its range beyond the data on either side, and
        keeps the others.

        Arguments:
            feature: Index of the input that varies; by default the one along which the
                truth is least certain.
            x: The others' values (D,); by default the training input where the truth is
                least certain.
            names: Names of the inputs, for the axis.
            num_samples: Draws behind each band.
        """
        from zoo import plots

        inputs, y = self.data.train
        if inputs.dim() != 2 or not y.is_floating_point() or y.shape[-1] != 1:
            raise ValueError(
                f"a line through input space needs inputs (N, D) and one real target (N, 1), not {tuple(inputs.shape)} and "
                f"{tuple(y.shape)}; draw the posteriors' predictions with zoo.plots instead"
            )
        truth = self.posteriors[TRUTH]
        if truth.functions is not None:
            raise ValueError(
                "a reference is known at its own inputs alone; draw .fidelities[NAME].plot() instead"
            )
        if x is None:
            x = inputs[int(truth.predict(inputs).epistemic.argmax())]
        if feature is None:
            lines = [line_through(inputs, x, index) for index in range(inputs.shape[1])]
            epistemic = [truth.predict(line).epistemic.mean() for line in lines]
            feature = int(torch.stack(epistemic).argmax())
        line = line_through(inputs, x, feature)
        bands = {
            name: posterior.predict(
                line, min(num_samples, posterior.num_samples or num_samples)
            ).functions[..., 0]
            for name, posterior in self.posteriors.items()
        }
        floor = next(iter(self.fidelities.values())).floor["wasserstein"]
        return plots.comparison(
            line[:, feature],
            bands.pop(TRUTH),
            bands,
            {name: self.posteriors[name].info.seconds for name in bands},
            {name: self.fidelities[name].wasserstein for name in bands},
            floor,
            xlabel=names[feature] if names else f"input {feature + 1}",
            ylabel="f(x), standardised",
            score="Wasserstein-1 to the truth, in its sd",
        )


def line_through(inputs: Tensor, x: Tensor, feature: int, num: int = 100) -> Tensor:
    """Return inputs (num, D) that differ in one feature, from below the data to above them."""
    low, high = float(inputs[:, feature].min()), float(inputs[:, feature].max())
    line = x.repeat(num, 1)
    line[:, feature] = torch.linspace(
        low - 0.5 * (high - low), high + 0.5 * (high - low), num
    )
    return line


def compare(
    model: BayesianNetwork,
    guides: Sequence[Guide] | Mapping[str, Guide | tuple[BayesianNetwork, Guide]],
    reference: Posterior | Reference,
    data: Dataset | None = None,
    *,
    num_steps: int = 2000,
    lr: float = 1e-2,
    batch_size: int | None = None,
    num_samples: int = 400,
    progress: bool = True,
) -> Comparison:
    """Fit guides to one data set and lay them beside the truth.

    Errors and log likelihoods are in the data set's original units; the fidelity
    columns are those of `zoo.fidelity`, and in the row of the truth its floor.

    References:
        What Are Bayesian Neural Network Posteriors Really Like? (Izmailov, Vikram, Hoffman, Wilson, 2021)

    Arguments:
        model: The model that the guides are for.
        guides: The guides, or a mapping from names to guides; a guide that needs a
            prior of its own comes as a pair (model, guide).
        reference: The truth: the posterior of `inference.NUTS` or `HMC` on the model,
            or one of `zoo.references`.
        data: The data set; guides are fitted to its training part and scored on its
            test part. A reference brings its own, and is compared at its own inputs.
        num_steps: Gradient steps of each fit.
        lr: Learning rate of each fit, which decays to zero as a cosine.
        batch_size: Batch size of each fit; all data at once where nothing is said.
        num_samples: Draws behind each prediction.
        progress: Whether to show progress bars.

    Example:
        >>> truth = inference.HMC(model, num_chains=2, warmup_steps=5, num_samples=9, progress=False, compile=False)
        >>> truth = truth.fit(data.train)
        >>> comparison = zoo.compare(model, [guides.Delta(model)], truth, data, num_steps=5, progress=False)
        >>> comparison.table.column("guide")
        ['truth', 'Delta']
    """
    named = (
        guides
        if isinstance(guides, Mapping)
        else {type(guide).__name__: guide for guide in guides}
    )
    if len(named) < len(guides):
        raise ValueError(
            "two guides are of one family; give a mapping from names to guides"
        )
    known = None if isinstance(reference, Posterior) else reference
    if (data is None) == (known is None):
        raise ValueError(
            "give data beside a posterior, and none beside a reference, which brings its own"
        )
    data = data if known is None else known.data
    posteriors = {TRUTH: reference if known is None else known.posterior}
    for name, guide in named.items():
        own, guide = guide if isinstance(guide, tuple) else (model, guide)
        decay = partial(torch.optim.lr_scheduler.CosineAnnealingLR, T_max=num_steps)
        engine = SVI(
            own, guide, num_steps=num_steps, lr=lr, scheduler=decay, progress=progress
        )
        posteriors[name] = engine.fit(data.train, batch_size=batch_size)
    at = data.test.x if known is None else None
    fidelities = {
        name: fidelity(posterior, reference, at)
        for name, posterior in posteriors.items()
        if name != TRUTH
    }
    test = data.test if known is None else Split(known.inputs, known.targets)
    return Comparison(
        tabled(posteriors, fidelities, data, test, num_samples),
        posteriors,
        fidelities,
        data,
    )


def tabled(
    posteriors: Mapping[str, Posterior],
    fidelities: Mapping[str, Fidelity],
    data: Dataset,
    test: Split,
    num_samples: int,
) -> Table:
    """Make a row for each posterior; the truth's has the floor."""
    rows = []
    for name, posterior in posteriors.items():
        count = min(num_samples, posterior.num_samples or num_samples)
        scores = (
            {}
            if test.y is None
            else accuracy_scores(posterior.predict(test.x, count), test.y, data)
        )
        if name == TRUTH:
            closeness = next(iter(fidelities.values())).floor if fidelities else {}
        else:
            closeness = fidelities[name].scores
        closeness = {
            key: value for key, value in closeness.items() if key != "coverage"
        }
        seconds = posterior.info.seconds if posterior.info is not None else None
        rows.append({"guide": name, **scores, **closeness, "seconds": seconds})
    columns = tuple(rows[-1])
    return Table(
        tuple(column.replace("_", " ") for column in columns),
        [tuple(row.get(column) for column in columns) for row in rows],
        {
            "seconds": 1,
            "coverage 90 %": 2,
            "mean error": 2,
            "spread ratio": 2,
            "wasserstein": 2,
        },
    )


def accuracy_scores(
    prediction: Prediction, y: Tensor, data: Dataset
) -> dict[str, float]:
    """Score a prediction against the targets (K, ...) of the first of its inputs, in original units."""
    y = y.to(prediction.outputs.device)
    prediction = prediction.first(len(y))
    if prediction.likelihood.discrete:
        return class_scores(prediction.probs, prediction.log_prob(y), y)
    original = data.in_original_units(prediction)
    y = data.y_units.restore(y).to(y.device)
    lower, upper = original.interval(0.9)
    return {
        "rmse": float(metrics.rmse(original.mean, y)),
        "nll": float(metrics.nll(original.log_prob(y))),
        "coverage 90 %": float(metrics.coverage(lower, upper, y)),
    }
