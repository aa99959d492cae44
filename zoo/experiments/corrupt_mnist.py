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
from zoo.experiments.parts.talk_network import MNIST_METHOD, fit_talk_network
from zoo.experiments.running.report import Report
from zoo.experiments.running.run import Experiment, Run
from zoo.experiments.running.scores import Number
from zoo.inference import IVON
from zoo.posterior.posterior import Posterior
from zoo.stress.evaluation import LabelledEvaluation

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NUM_SAMPLES = {"posterior": 12, "MAP": 1}
_NUM_IMAGES = 1_000
_IVON = partial(IVON, precision="bf16", hess_init=0.05)  # scales of about 0.02
_NATURAL = replace(MNIST_METHOD, epochs=6, engine=_IVON, rates=(0.3,))


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

    fits = fit_talk_network(
        run, data, MNIST_METHOD, posterior=_NATURAL, make_guide=guides.MeanField
    )

    for name, posterior in fits.items():
        num_samples = _NUM_SAMPLES[name]
        scores = run.scores.add_posterior(name, posterior, data.test, num_samples)
        run.report.find(f"error of the {name}, %", scores["error %"])
        run.state_bound(name)

    few = _choose_images(data)
    curves = []
    for corruption in _CORRUPTIONS:
        found = _corrupt(run, fits, few, corruption)
        _report(run.report, corruption, found)
        _compare(run.report, found)
        curves.append(found)

    _draw_figure(run.report, curves)

    num_samples = _NUM_SAMPLES["posterior"]
    num_images = len(few.test.x)
    run.report.note(
        f"The posterior is {num_samples} draws, the corrupted images are {num_images} of the test "
        "part."
    )

    if not run.full:
        run.report.note("The network has a third of the published channels.")


def _choose_images(data: Dataset) -> Dataset:
    """Return the data with some of the test images, chosen at random."""
    generator = torch.Generator().manual_seed(0)
    x, y = data.test
    order = torch.randperm(len(x), generator=generator)
    rows = order[:_NUM_IMAGES]
    test = Split(x[rows], y[rows])

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
                num_samples=_NUM_SAMPLES[name],
                seed=run.seed,
                progress=run.progress,
            )

        rows = severity.table.to_dicts()
        run.report.tabulate(f"{severity.corruption}, {name}", rows)
        curves[name] = severity

    return curves


def _report(
    report: Report, corruption: _Corruption, curves: Mapping[str, stress.Severity]
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
            where = f"{curve.corruption} {severity:g}, {name}"
            _report_evaluation(report, where, evaluation, published)


def _report_evaluation(
    report: Report, where: str, evaluation: LabelledEvaluation, published: _Published
) -> None:
    """State entropy and accuracy at one severity."""
    entropy = Number.mean(evaluation.entropy)
    theirs = published.entropy
    is_known = theirs is not None
    report.find(f"entropy at {where}, nats", entropy, theirs, headline=is_known)

    right = evaluation.predicted == evaluation.y
    accuracy = Number.mean(right.double())
    theirs = published.accuracy
    is_known = theirs is not None
    report.find(f"accuracy at {where}", accuracy, theirs, headline=is_known)


def _compare(report: Report, curves: Mapping[str, stress.Severity]) -> None:
    """State how the NLL of the posterior differs from that of MAP, at each severity."""
    posterior, twin = curves["posterior"], curves["MAP"]
    num_better = 0
    for index, severity in enumerate(posterior.severities):
        ours = posterior.evaluations[index].log_prob
        theirs = twin.evaluations[index].log_prob
        gain = Number.mean(theirs - ours)
        num_better += gain.value < 0

        where = f"{posterior.corruption} {severity:g}"
        report.find(f"NLL at {where}, posterior minus MAP, nats", gain)

    what = (
        f"severities of {posterior.corruption} at which the posterior has the lower NLL"
    )
    number = len(posterior.severities)
    report.find(f"{what}, of {number}", num_better, headline=True)


def _draw_figure(
    report: Report, curves: Sequence[Mapping[str, stress.Severity]]
) -> None:
    """Draw accuracy above and entropy below, a column for each corruption."""
    with report.panels(2, len(curves), share="row") as axes:
        for number, corruption in enumerate(_CORRUPTIONS):
            accuracy, entropy = axes[:, number]
            _draw_score(accuracy, "accuracy", curves[number], corruption)
            _draw_score(entropy, "entropy", curves[number], corruption)

        left_accuracy, left_entropy = axes[:, 0]
        left_accuracy.set_ylabel("accuracy")
        left_entropy.set_ylabel("entropy, nats")
        left_accuracy.legend(frameon=False)


def _draw_score(
    ax: Axes,
    score: str,
    curves: Mapping[str, stress.Severity],
    corruption: _Corruption,
) -> None:
    """Draw one score of both fits over the severity of a corruption."""
    from zoo.plots.curves import curve

    for number, (name, found) in enumerate(curves.items()):
        curve(ax, found.severities, found.scores[score], number, label=name)

    published = corruption.published
    if published:
        values = [getattr(each, score) for each in published.values()]
        ax.plot(list(published), values, "k^", label="published")

    ax.set_xlabel(corruption.unit)


corrupt_mnist = Experiment(
    name="corrupt-mnist",
    question="does the uncertainty of a posterior grow as fast as its error, when digits are "
    "corrupted?",
    reference="Bayesian deep learning with 10 % of the weights (Romijnders, 2019), a talk",
    minutes=6,
    run=_run,
)
