"""segnet-camvid: MC dropout, nodes and last-layer weights on the pixels of street scenes."""

from __future__ import annotations

from functools import partial

import pyro.distributions as dist
import torch
from scipy.stats import spearmanr
from torch import Tensor

import guides
from zoo import datasets, likelihoods, networks, priors
from zoo.datasets import Dataset
from zoo.datasets.camvid import VOID
from zoo.experiments.parts.element_masks import average_by_elements
from zoo.experiments.parts.scene_cases import (
    SCORES,
    PixelCases,
    curves_of,
    difference_of,
    number_of,
)
from zoo.experiments.parts.scene_panels import draw_pixels
from zoo.experiments.parts.weight_averaging import average_weights
from zoo.experiments.running.contestant import Contestant
from zoo.experiments.running.method import Method
from zoo.experiments.running.run import Experiment, Run
from zoo.inference import SVI, schedules
from zoo.model import BayesianNetwork
from zoo.posterior import average_classes
from zoo.posterior.posterior import Posterior

_SIZE = (90, 120)  # a quarter of the published height and width
_WIDTH = 32  # half of the published filters
_KERNEL = 5  # of 7 published
_NUM_SAMPLES = 30
_MC = "MC dropout"
_AVERAGED = "dropout, weights averaged"
_PLAIN = "no dropout"
_PUBLISHED = {  # SegNet-Basic and Bayesian SegNet-Basic at 360x480
    _PLAIN: {"global accuracy %": 82.8, "mean IoU %": 46.3},
    _MC: {"global accuracy %": 81.6, "mean IoU %": 55.8},
}

_METHOD = Method(
    epochs=80,
    engine=partial(SVI, scheduler=schedules.cosine(0.1), precision="bf16"),
    rates=(3e-3,),
    batch_size=4,
    min_epochs=0.01,
)
_WEIGHTS = priors.WeightPrior(
    priors.all_but_normalisation(dist.Normal(0.0, 1.0), otherwise=priors.Point())
)
_NODES = priors.NodePrior(dist.Normal(1.0, 0.3), weights=priors.Point())
_LAST_LAYER = priors.WeightPrior(
    priors.last_layer(dist.Normal(0.0, 1.0), otherwise=priors.Point())
)
_NODE_GUIDE = partial(
    guides.NodeMixture, num_components=4, init_scale=0.1, init_spread=0.1
)


def _dropout(model: BayesianNetwork) -> guides.MCDropout:
    """Return dropout at the layers of the paper, of single pixels of a channel."""
    return guides.MCDropout(model, p=0.5, layers=model.network.dropped, masks="element")


_CONTESTANTS = {
    _MC: Contestant(_WEIGHTS, _dropout, _METHOD),
    _PLAIN: Contestant(_WEIGHTS, guides.Delta, _METHOD),
    "nodes": Contestant(_NODES, _NODE_GUIDE, _METHOD),
    "last layer": Contestant(
        _LAST_LAYER, partial(guides.MeanField, init_scale=0.01), _METHOD
    ),
}


def _run(run: Run) -> None:
    """Fit each posterior from new weights, and score the pixels of the test images."""
    data = run.dataset(datasets.camvid, size=None if run.full else _SIZE)
    cases: dict[str, PixelCases] = {}
    kept = {}
    for name, contestant in _CONTESTANTS.items():
        build = partial(_build, run, contestant, data)
        share = 1 / len(_CONTESTANTS)
        posterior = run.fit(name, build, data, contestant.method, share=share)

        number = 1 if name == _PLAIN else _NUM_SAMPLES
        kept[name] = _pixels(run, name, posterior, data, number)
        if name == _MC:
            averaged = average_weights(posterior)
            kept[_AVERAGED] = _pixels(run, _AVERAGED, averaged, data, 1)

    for name, found in kept.items():
        cases[name] = PixelCases(**found["cases"])

    _report_scores(run, cases)
    _report_classes(run, cases, data)
    curves = {name: found["curves"] for name, found in kept.items()}
    draw_pixels(run, kept[_MC]["maps"], cases[_MC], curves, data.classes or ())
    _note(run)


def _build(
    run: Run, contestant: Contestant, data: Dataset
) -> tuple[BayesianNetwork, guides.Guide]:
    """Return the model of a contestant with new weights, and its guide."""
    options = {} if run.full else {"width": _WIDTH, "kernel_size": _KERNEL}
    num_classes = len(data.classes or ())
    network = networks.SegNet(num_classes, basic=True, **options)
    weight = likelihoods.median_frequency(data.train.y, num_classes, VOID)
    likelihood = likelihoods.Categorical(dim=1, ignore_index=VOID, class_weight=weight)

    return run.build(network, contestant.prior, contestant.make_guide, likelihood)


def _pixels(
    run: Run, name: str, posterior: Posterior, data: Dataset, num_samples: int
) -> dict:
    """Return the scores and curves of the test images, and the maps of three of them."""

    def make() -> dict:
        x, y = data.test
        average = average_by_elements if name == _MC else average_classes
        found = average(posterior, x, num_samples)
        number = len(x)
        rows = torch.tensor([number // 6, number // 2, 5 * number // 6])
        maps = {
            "images": data.x_units.restore(x[rows]) if data.x_units else x[rows],
            "labels": y[rows],
            "predicted": found.predicted[rows],
            "total": found.entropy[rows],
            "epistemic": found.epistemic[rows],
        }
        cases = vars(PixelCases.of(found, y, VOID))

        return {"cases": cases, "curves": curves_of(found, y, VOID), "maps": maps}

    return run.keep(f"{name}, pixels", make, posterior=posterior, draws=num_samples)


def _report_scores(run: Run, cases: dict[str, PixelCases]) -> None:
    """State the scores, and the differences between posteriors and twins."""
    for name, found in cases.items():
        published = _PUBLISHED.get(name, {})
        scores = {score: number_of(found, rule) for score, rule in SCORES.items()}
        run.result.scores[name] = scores
        for score, number in scores.items():
            theirs = published.get(score)
            headline = score in ("mean IoU %", "NLL")
            run.report.find(f"{score}, {name}", number, theirs, headline=headline)

    pairs = [(_MC, _AVERAGED)] + [(name, _PLAIN) for name in _CONTESTANTS]
    for name, twin in pairs:
        if name == twin:
            continue

        for score, rule in SCORES.items():
            gain = difference_of(cases[name], cases[twin], rule)
            theirs = _published_gain(name, twin, score)
            headline = score == "mean IoU %"
            what = f"{score}, {name} minus {twin}"
            run.report.find(what, gain, theirs, headline=headline)


def _published_gain(name: str, twin: str, score: str) -> float | str | None:
    """Return what was published of the difference between two predictions."""
    if score != "mean IoU %":
        return None
    if (name, twin) == (_MC, _AVERAGED):
        return "above 0"
    if (name, twin) == (_MC, _PLAIN):
        return 9.5

    return None


def _report_classes(run: Run, cases: dict[str, PixelCases], data: Dataset) -> None:
    """State how the uncertainty of a class goes with its frequency and its accuracy."""
    for name, found in cases.items():
        if name in (_PLAIN, _AVERAGED):
            continue

        for what in ("frequency", "accuracy"):
            number = number_of(found, partial(_rank_correlation, what=what))
            text = f"rank correlation of epistemic uncertainty and {what} of a class, {name}"
            run.report.find(text, number, "below 0", headline=name == _MC)

        rows = []
        columns = {
            "pixels %": 100 * found.frequency,
            "accuracy %": 100 * found.accuracy,
            "IoU %": 100 * found.iou,
            "epistemic": found.mean_of_class("epistemic"),
            "total": found.mean_of_class("total"),
        }
        for index, class_name in enumerate(data.classes or ()):
            values = {
                key: round(float(value[index]), 3) for key, value in columns.items()
            }
            rows.append({"class": class_name, **values})

        run.report.tabulate(f"classes, {name}", rows)


def _rank_correlation(cases: PixelCases, what: str) -> float:
    """Return Spearman's correlation of a property of classes and their epistemic uncertainty."""
    values: Tensor = getattr(cases, what)
    nats = cases.mean_of_class("epistemic")
    has_pixels = nats.isfinite()

    return float(spearmanr(values[has_pixels], nats[has_pixels]).statistic)


def _note(run: Run) -> None:
    """State what was done otherwise than published."""
    height, width = _SIZE
    run.report.note(
        f"Images have {height}x{width} pixels, a quarter of the published height and width. The "
        f"network is SegNet-Basic with {_WIDTH} filters of {_KERNEL}x{_KERNEL} pixels instead of "
        "64 of 7x7. Classes are weighted by median frequency, so no fit has a bound."
    )
    run.report.note(
        "Dropout drops single pixels of channels at the layers of the paper, in the fit and at "
        f"prediction, in {_NUM_SAMPLES} draws. The published 46.3 is of a network without dropout "
        "and 55.8 of MC dropout, of larger images and networks that were trained for longer."
    )
    run.report.note(
        "Pixels are independent given the network, so that the likelihood of an image is the "
        "product over 10,800 of them: the posteriors of nodes and of the last layer are narrow. "
        "Errors are standard deviations over resampled test images, which are frames of two films."
    )


segnet_camvid = Experiment(
    name="segnet-camvid",
    question="are pixels labelled better by MC dropout than by one network, and is a class more "
    "uncertain if it is rare or often wrong?",
    reference="Bayesian SegNet: Model Uncertainty in Deep Convolutional Encoder-Decoder "
    "Architectures for Scene Understanding (Kendall, Badrinarayanan, Cipolla, 2017)",
    minutes=24,
    run=_run,
)
