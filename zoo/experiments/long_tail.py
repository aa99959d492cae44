"""long-tail: errors, posteriors and uncertainty where some classes have few data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import pyro.distributions as dist
import torch
from torch import nn

import guides
from zoo import priors
from zoo.datasets import Dataset
from zoo.experiments.parts.class_panels import draw_classes
from zoo.experiments.parts.tail import Tail, adjusted
from zoo.experiments.parts.tail_settings import (
    BATCH_SIZE,
    BETA,
    LOGIT_ADJUSTED,
    RATIO,
    RE_SAMPLED,
    RE_WEIGHTED,
    SETTINGS,
    SIZE,
)
from zoo.experiments.running.contestant import MakeGuide
from zoo.experiments.running.run import Experiment, Run
from zoo.experiments.running.scores import Number
from zoo.inference import Laplace
from zoo.likelihoods import Categorical
from zoo.posterior.posterior import Posterior
from zoo.predictive.prediction import Prediction

_NUM_MEMBERS = 3
_NUM_SAMPLES = 20
_FRACTION = 0.1  # of the test data that are referred

_POINT = "as they are"
_EVEN = "classes of equal size"
_ENSEMBLE, _LAPLACE = "ensemble", "last layer, Laplace"
_CHANGES = (RE_SAMPLED, RE_WEIGHTED, LOGIT_ADJUSTED)
_LAST_LAYER = priors.WeightPrior(
    priors.last_layer(dist.Normal(0.0, 1.0), otherwise=priors.Frozen())
)
_CLASSES = "classes"  # the name of the table


_PUBLISHED_DATA = "CIFAR10-LT"
_PUBLISHED = {  # errors in per cent of ResNet-32, by the authors' program
    _POINT: 28.64,
    adjusted(_POINT): 22.68,
    LOGIT_ADJUSTED: 22.11,
}


def _run(run: Run) -> None:
    """Fit to each data set with a tail, and state what each way does to its classes."""
    tails = {}
    for name, setting in SETTINGS.items():
        tail = Tail(run, name, setting, setting.load(run), {})
        _predict_all(tail)
        _state_errors(tail)
        _state_uncertainty(tail)
        _tabulate(tail)
        tails[name] = tail

    rows = {name: tail.found for name, tail in tails.items()}
    compared = (_POINT, *_CHANGES, adjusted(_POINT), adjusted(_ENSEMBLE))
    draw_classes(run, rows, compared, _FRACTION)
    _add_notes(run)


def _predict_all(tail: Tail) -> None:
    """Fit point estimates and posteriors, and predict with each."""
    data, x = tail.data, tail.data.test.x

    def predict(posterior: Posterior, number: int = 1) -> Prediction:
        number = posterior.num_available(number)
        return posterior.predict(x, num_samples=number, progress=tail.run.progress)

    point = tail.fit_point(_POINT, data)
    tail.score(_POINT, partial(predict, point), point=point)
    for change in _CHANGES:
        fit = tail.fit_point(change, data, change)
        tail.score(change, partial(predict, fit), is_adjusted=False, point=fit)

    members = [point]
    for seed in range(1, _NUM_MEMBERS):
        members.append(tail.fit_point(f"{_POINT}, seed {seed}", data, seed=seed))

    tail.score(_ENSEMBLE, partial(_predict_together, predict, members), members=members)
    _score_laplace(tail, _LAPLACE, point, data)
    for name, contestant in tail.setting.posteriors.items():
        fit = tail.fit_on(name, contestant, point)
        tail.score(name, partial(predict, fit, _NUM_SAMPLES), posterior=fit)

    even = tail.setting.even_of(tail.whole)
    if even is not None:
        point = tail.fit_point(_EVEN, even)
        _score_laplace(tail, f"{_LAPLACE}, {_EVEN}", point, even, is_adjusted=False)


def _predict_together(
    predict: Callable[[Posterior], Prediction], members: Sequence[Posterior]
) -> Prediction:
    """Return the prediction of several point estimates together."""
    outputs = torch.cat([predict(member).outputs for member in members])
    return Prediction(Categorical(), outputs)


def _score_laplace(
    tail: Tail, name: str, point: Posterior, data: Dataset, is_adjusted: bool = True
) -> None:
    """Score the Laplace approximation of the last layer of a point estimate."""

    def predict() -> Prediction:
        network: nn.Module = point.network()
        make_guide: MakeGuide = guides.Delta
        model, _ = tail.run.build(network, _LAST_LAYER, make_guide)
        engine = Laplace(
            model,
            structure="kron",
            num_samples=_NUM_SAMPLES,
            num_steps=0,
            prior_structure="scalar",
            progress=tail.run.progress,
        )
        posterior = engine.fit(data.train, batch_size=BATCH_SIZE)
        return posterior.predict(data.test.x, progress=tail.run.progress)

    tail.score(name, predict, is_adjusted, point=point)


def _state_errors(tail: Tail) -> None:
    """State balanced error and NLL of each prediction, and its gain over the point estimate."""
    report, task = tail.run.report, tail.task
    published = _PUBLISHED if tail.name == _PUBLISHED_DATA else {}
    for name, found in tail.found.items():
        theirs = published.get(name)
        is_headline = name in _PUBLISHED
        error = task.balanced(found.error)
        what = f"balanced error, {tail.name}, {name}, %"
        report.find(what, error, theirs, headline=is_headline)
        what = f"balanced NLL, {tail.name}, {name}, nats"
        report.find(what, task.balanced(found.nll))
        if name == _POINT:
            continue

        gain = task.balanced(found.error - tail.found[_POINT].error)
        what = f"balanced error, {tail.name}, {name}, minus {_POINT}, %"
        change = None if theirs is None else round(theirs - published[_POINT], 2)
        report.find(what, gain, change, headline=is_headline)


def _state_uncertainty(tail: Tail) -> None:
    """State whether uncertainty marks the tail, and who is referred."""
    report, task = tail.run.report, tail.task
    for name, found in tail.found.items():
        start = f"{tail.name}, {name}"
        referred = found.referred(_FRACTION, found.entropy)
        share = Number.mean(100.0 * task.in_tail[referred])
        what = (
            f"share of the tail among {_FRACTION:.0%} referred by entropy, {start}, %"
        )
        report.find(what, share)

        what = f"balanced error of what is kept, {start}, %"
        report.find(what, found.error_of_kept(referred))
        what = f"AUROC of the tail by entropy, {start}"
        report.find(what, task.separation(found.entropy))
        if not found.has_draws:
            continue

        is_headline = name in (_ENSEMBLE, _LAPLACE)
        what = f"AUROC of the tail by epistemic uncertainty, {start}"
        area = task.separation(found.epistemic)
        report.find(what, area, headline=is_headline)
        what = f"rank correlation of epistemic uncertainty and class size, {start}"
        report.find(what, task.correlation(found.epistemic))


def _tabulate(tail: Tail) -> None:
    """Add the scores of each class to the table."""
    rows = list(tail.run.result.tables.get(_CLASSES, []))
    for name, found in tail.found.items():
        for row in found.rows(_FRACTION):
            rows.append({"data": tail.name, "method": name, **row})

    tail.run.report.tabulate(_CLASSES, rows)


def _add_notes(run: Run) -> None:
    """Say what the numbers are of, and what differs from the published ones."""
    run.report.note(
        f"The first class of MNIST and CIFAR-10 has {RATIO:g} times the training data of the "
        "last one; ECG5000 is as it is. Every class counts the same in a balanced score. The tail "
        "are the classes with less than a tenth of the data of the largest. Errors are over "
        "test data, within each class."
    )
    run.report.note(
        f"Weights are of effective numbers with beta {BETA:g}, and add up to the number of data, "
        "as re-sampling does. A reweighted prediction multiplies the probabilities of each draw "
        "by the inverse class frequencies; the logit-adjusted likelihood does the same in the "
        "fit."
    )
    run.report.note(
        f"Published are errors of ResNet-32 on whole images, of 200 epochs; ours is a small "
        f"network, on images of {SIZE}x{SIZE} pixels, and few epochs, so compare the gains. The "
        "rate and the prior of CIFAR-10 were chosen on validation images, of equal classes; all "
        "else is as in other experiments."
    )
    run.report.note(
        f"The ensemble has {_NUM_MEMBERS} members. All other posteriors start at the point "
        f"estimate. '{_LAPLACE}, {_EVEN}' is fitted to as many data without a tail: its AUROC "
        "of the same classes is what they would have without it."
    )


long_tail = Experiment(
    name="long-tail",
    question="which way of making classes equal lowers the balanced error, and does epistemic "
    "uncertainty mark the classes with few data?",
    reference="Long-tail learning via logit adjustment (Menon, Jayasumana, Rawat, Jain, Veit, "
    "Kumar, 2021)",
    minutes=15,
    run=_run,
)
