"""segnet-camvid: MC dropout, nodes and last-layer weights on the pixels of street scenes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pyro.distributions as dist
import torch
from torch import Tensor

import guides
from zoo import datasets, likelihoods, networks, priors
from zoo.datasets import Dataset, Split
from zoo.datasets.camvid import VOID
from zoo.experiments.parts.element_masks import average_by_elements
from zoo.experiments.parts.scene_batches import of_equal_contrast, scene_batches
from zoo.experiments.parts.scene_cases import (
    SCORES,
    PixelCases,
    curves_of,
    difference_of,
    number_of,
)
from zoo.experiments.parts.scene_classes import report_classes
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
_LAST = "last layer"  # of the network without dropout
_PUBLISHED = {  # SegNet-Basic and Bayesian SegNet-Basic at 360x480
    _PLAIN: {"global accuracy %": 82.8, "mean IoU %": 46.3},
    _MC: {"global accuracy %": 81.6, "mean IoU %": 55.8},
}

_BATCH_SIZE = 4
_ZOOM = 0.3  # a view shows 70 % to 100 % of the height and width
_LIGHT = 0.3  # of contrast and brightness
_METHOD = Method(
    epochs=400,
    engine=partial(SVI, scheduler=schedules.cosine(0.1), precision="bf16"),
    rates=(3e-3,),
    batch_size=_BATCH_SIZE,
    min_epochs=0.01,
)
_AFTERWARDS = replace(_METHOD, rates=(1e-3,))
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
    _PLAIN: Contestant(_LAST_LAYER, guides.Delta, _METHOD),
    "nodes": Contestant(_NODES, _NODE_GUIDE, _METHOD),
    _LAST: Contestant(
        _LAST_LAYER, partial(guides.MeanField, init_scale=0.01), _AFTERWARDS
    ),
}
_SHARES = {_MC: 0.36, _PLAIN: 0.36, "nodes": 0.22, _LAST: 0.06}


def _run(run: Run) -> None:
    """Fit each posterior, and score the pixels of the test images."""
    scenes = run.dataset(datasets.camvid, size=None if run.full else _SIZE)
    data = of_equal_contrast(scenes)
    batches = scene_batches(data.train, _BATCH_SIZE, zoom=_ZOOM, light=_LIGHT)
    cases: dict[str, PixelCases] = {}
    posteriors: dict[str, Posterior] = {}
    kept = {}
    for name, contestant in _CONTESTANTS.items():
        posterior = run.fit(
            name,
            partial(_build, run, contestant, data),
            data,
            contestant.method,
            share=_SHARES[name],
            train=batches,
            init=posteriors[_PLAIN] if name == _LAST else None,
        )
        posteriors[name] = posterior

        number = 1 if name == _PLAIN else _NUM_SAMPLES
        kept[name] = _pixels(run, name, posterior, data.test, number)
        if name == _MC:
            averaged = average_weights(posterior)
            kept[_AVERAGED] = _pixels(run, _AVERAGED, averaged, data.test, 1)

    for name, found in kept.items():
        cases[name] = PixelCases(**found["cases"])

    _report_scores(run, cases)
    for name in (_MC, "nodes", _LAST):
        report_classes(run, name, cases[name], data.classes or (), headline=name == _MC)

    curves = {name: found["curves"] for name, found in kept.items()}
    maps = _maps(scenes, kept[_MC]["maps"])
    draw_pixels(run, maps, cases[_MC], curves, data.classes or ())
    _note_images(run)
    _note_fits(run)


def _build(
    run: Run, contestant: Contestant, data: Dataset
) -> tuple[BayesianNetwork, guides.Guide]:
    """Return the model of a contestant with new weights, and its guide."""
    options = {} if run.full else {"width": _WIDTH, "kernel_size": _KERNEL}
    num_classes = len(data.classes or ())
    network = networks.SegNet(num_classes, basic=True, **options)
    published = likelihoods.median_frequency(data.train.y, num_classes, VOID)
    weight = published if run.full else published.sqrt()
    likelihood = likelihoods.Categorical(dim=1, ignore_index=VOID, class_weight=weight)

    return run.build(network, contestant.prior, contestant.make_guide, likelihood)


def _pixels(
    run: Run, name: str, posterior: Posterior, test: Split, num_samples: int
) -> dict:
    """Return the scores and curves of the test images, and the maps of three of them."""

    def make() -> dict:
        x, y = test
        average = average_by_elements if name == _MC else average_classes
        found = average(posterior, x, num_samples)
        rows = _shown(test)
        maps = {
            "predicted": found.predicted[rows],
            "total": found.entropy[rows],
            "epistemic": found.epistemic[rows],
        }
        cases = vars(PixelCases.of(found, y, VOID))

        return {"cases": cases, "curves": curves_of(found, y, VOID), "maps": maps}

    return run.keep(f"{name}, pixels", make, posterior=posterior, draws=num_samples)


def _shown(test: Split) -> Tensor:
    """Return the rows of the test images that are drawn, of different scenes."""
    number = len(test.x)
    return torch.tensor([number // 6, number // 2, 5 * number // 6])


def _maps(scenes: Dataset, predicted: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the images that are drawn as they were taken, with labels and predictions."""
    rows = _shown(scenes.test)
    x = scenes.test.x[rows]
    images = scenes.x_units.restore(x) if scenes.x_units else x

    return {"images": images, "labels": scenes.test.y[rows], **predicted}


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


def _note_images(run: Run) -> None:
    """State what was done otherwise than published with images and networks."""
    height, width = _SIZE
    note = run.report.note
    note(
        f"Images have {height}x{width} pixels, a quarter of the published height and width. The "
        f"network is SegNet-Basic with {_WIDTH} filters of {_KERNEL}x{_KERNEL} pixels instead of "
        "64 of 7x7, and is trained by Adam. Published were 360x480 pixels and SGD."
    )
    note(
        "Classes are weighted by the square root of the published weights by median frequency. "
        "The posterior is a generalised one, of powers of densities, and images are augmented, "
        "so no fit has a bound."
    )
    note(
        "Each image has mean 0 and standard deviation 1; the paper has a local normalisation of "
        f"contrast. Images are mirrored, shown in part (zoom {_ZOOM:g}) and in another light "
        f"({_LIGHT:g}), which is not published. CamVid's validation images are of a film that is "
        "in the training part; most test images are of a film that is not. So the recipe was "
        "chosen by short trials on validation images and on a training film that was left out of "
        "them, not on test images. Mirrored images with a zoom of 0.4, the square roots of the "
        "weights and equal contrast were tried together; the milder zoom was not tried."
    )


def _note_fits(run: Run) -> None:
    """State how posteriors were fitted and predicted with."""
    height, width = _SIZE
    note = run.report.note
    note(
        "Dropout drops single pixels of channels at the layers of the paper, in the fit and at "
        f"prediction, in {_NUM_SAMPLES} draws. The published 46.3 is of a network without dropout "
        "and 55.8 of MC dropout, of larger images and networks that were trained for longer."
    )
    note(
        "The fit of the last layer goes on from the network without dropout, whose other weights "
        "are point estimates. Pixels are independent given the network, so that the likelihood "
        f"of an image is the product over {height * width:,} of them: the posteriors of nodes and "
        "of the last layer are narrow."
    )
    note(
        "Errors are standard deviations over resampled test images, which are frames of two "
        "films; they do not count the choice of films, nor the seed of the fits, which is one."
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
