"""corrupt-mnist: entropy and accuracy of a posterior and of MAP as digits are corrupted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

import guides
from zoo import datasets, stress
from zoo.datasets import Dataset, Split
from zoo.experiments.run import Experiment, Run
from zoo.experiments.scores import Number
from zoo.experiments.talk_network import build_talk_network
from zoo.posterior.posterior import Posterior

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NUM_SAMPLES = 12
_NUM_IMAGES = 2_000


@dataclass(frozen=True)
class _Published:
    """Entropy in nats and accuracy, read off the figures in the talk; None if not published."""

    entropy: float | None = None
    accuracy: float | None = None


@dataclass(frozen=True)
class _Corruption:
    """A corruption, its severities, and what was published for some of them.

    Arguments:
        corrupt: Corrupts pixels (N, C, H, W) to a severity.
        unit: The corruption with the unit of its severity.
        severities: The severities.
        published: What was published, by severity.
    """

    corrupt: Callable[[Tensor, float], Tensor]
    unit: str
    severities: Sequence[float]
    published: Mapping[float, _Published] = field(default_factory=dict)


_CORRUPTIONS = (
    _Corruption(
        stress.rotation,
        "rotation, degrees",
        severities=(0, 15, 30, 45, 66, 90),
        published={0: _Published(0.13, 0.97), 66: _Published(1.25, 0.06)},
    ),
    _Corruption(
        stress.noise,
        "noise, standard deviations (white is 1)",
        severities=(0, 0.25, 0.5, 1.0, 1.5, 2.0),
        published={0: _Published(0.14, 1.0), 2.0: _Published(1.95, 0.23)},
    ),
    _Corruption(
        stress.skew, "skew, a share of the side", severities=(0, 0.1, 0.2, 0.3)
    ),
    _Corruption(
        stress.warp, "warp, pixels that each moves", severities=(0, 1, 2, 3, 4)
    ),
)


def _run(run: Run) -> None:
    """Fit the posterior and MAP, corrupt test images, and draw accuracy and entropy."""
    data = run.dataset(datasets.mnist, num_validation=5_000)
    make_posterior = partial(guides.LocalReparam, init_scale=0.02)
    build_posterior = partial(build_talk_network, run, data, make_posterior)
    build_map = partial(build_talk_network, run, data, guides.Delta)
    fits = {
        "posterior": run.fit("posterior", build_posterior, data, share=0.7, epochs=30),
        "MAP": run.fit("MAP", build_map, data, share=0.3, epochs=30),
    }
    for name, posterior in fits.items():
        scores = run.scores.add_posterior(
            name, posterior, data.test, _num_samples(name)
        )
        run.report.find(f"error of the {name}, %", scores["error %"])

    few = _choose_images(data)
    curves = []
    for corruption in _CORRUPTIONS:
        found = _corrupt(run, fits, few, corruption)
        _report(run, corruption, found)
        curves.append(found)

    _draw_figure(run, curves)
    run.report.note(
        f"The posterior is {_NUM_SAMPLES} draws, the corrupted images are {len(few.test.x)} of "
        "the test part."
    )
    if not run.full:
        run.report.note("The network has a third of the published channels.")


def _num_samples(name: str) -> int:
    """Return the number of draws of a fit."""
    return _NUM_SAMPLES if name == "posterior" else 1


def _choose_images(data: Dataset) -> Dataset:
    """Return the data with some of the test images, chosen at random."""
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(data.test.x), generator=generator)
    rows = order[:_NUM_IMAGES]
    test = Split(data.test.x[rows], data.test.y[rows])
    return replace(data, test=test)


def _corrupt(
    run: Run, fits: Mapping[str, Posterior], data: Dataset, corruption: _Corruption
) -> dict[str, stress.Severity]:
    """Return the curves of both fits over the severity of one corruption."""
    curves = {}
    for name, posterior in fits.items():
        with run.scores.same_draws():
            severity = stress.severity(
                posterior,
                data,
                corruption.corrupt,
                corruption.severities,
                num_samples=_num_samples(name),
                seed=run.seed,
                progress=run.progress,
            )
        rows = severity.table.to_dicts()
        run.report.tabulate(f"{severity.corruption}, {name}", rows)
        curves[name] = severity
    return curves


def _report(
    run: Run, corruption: _Corruption, curves: Mapping[str, stress.Severity]
) -> None:
    """State entropy and accuracy at the published severities, else at the largest."""
    severities = list(corruption.published) or [corruption.severities[-1]]
    for severity in severities:
        for name, curve in curves.items():
            published = _Published()
            if name == "posterior":
                published = corruption.published.get(severity, published)

            index = list(curve.severities).index(severity)
            evaluation = curve.evaluations[index]
            right = evaluation.predicted == evaluation.y
            what = f"{curve.corruption} {severity:g}, {name}"
            run.report.find(
                f"entropy at {what}, nats",
                Number.mean(evaluation.entropy),
                published.entropy,
                headline=published.entropy is not None,
            )
            run.report.find(
                f"accuracy at {what}",
                Number.mean(right.double()),
                published.accuracy,
                headline=published.accuracy is not None,
            )


def _draw_figure(run: Run, curves: Sequence[Mapping[str, stress.Severity]]) -> None:
    """Draw accuracy above and entropy below, a column for each corruption."""
    with run.report.panels(2, len(curves), share="row") as axes:
        for column, corruption, found in zip(axes.T, _CORRUPTIONS, curves, strict=True):
            accuracy, entropy = column
            _draw_score(accuracy, "accuracy", found, corruption)
            _draw_score(entropy, "entropy", found, corruption)
        axes[0, 0].set_ylabel("accuracy")
        axes[1, 0].set_ylabel("entropy, nats")
        axes[0, 0].legend(frameon=False)


def _draw_score(
    ax: Axes,
    score: str,
    curves: Mapping[str, stress.Severity],
    corruption: _Corruption,
) -> None:
    """Draw one score of both fits over the severity of a corruption."""
    for name, curve in curves.items():
        values = curve.scores[score]
        ax.plot(curve.severities, values, "o-", markersize=4, label=name)

    published = corruption.published
    if published:
        values = [getattr(each, score) for each in published.values()]
        ax.plot(list(published), values, "k^", label="published")
    ax.set_xlabel(corruption.unit)


corrupt_mnist = Experiment(
    name="corrupt-mnist",
    question="does a posterior grow uncertain as fast as it grows wrong, when digits are corrupted?",
    reference="Bayesian deep learning with 10 % of the weights (Romijnders, 2019), a talk",
    minutes=25,
    run=_run,
)
