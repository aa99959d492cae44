"""swag-cifar10: averages along SGD, and stochastic gradients, around a trained ResNet-20."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor, nn

import guides
import zoo
from zoo import metrics, priors
from zoo.datasets import Split
from zoo.experiments.parts.augment import loader
from zoo.experiments.parts.batch_statistics import average_longer, normalised_by
from zoo.experiments.parts.calibration_panels import draw_nll_over_ece
from zoo.experiments.parts.half_way import rise_half_way
from zoo.experiments.parts.scored_images import (
    NUM_FAMILIES,
    Predict,
    ScoredImages,
    under_corruption,
)
from zoo.experiments.parts.temperature import logits_of, prediction_of
from zoo.experiments.parts.trained_resnets import load_cifar10, load_trained
from zoo.experiments.running.contestant import Contestant, no_guide
from zoo.experiments.running.method import Method
from zoo.experiments.running.run import Experiment, Run
from zoo.inference import SGHMC, SVI, SWAG
from zoo.inference.swag.fit import point_at_means
from zoo.posterior.posterior import Posterior
from zoo.predictive.prediction import Prediction

_NUM_TRAIN = 10_000
_NUM_CHOSEN = 2_000  # test images on which rates and temperatures were chosen
_NUM_CORRUPTED = 2_000  # test images after those
_NUM_NORMALISED = 2_000  # training images for the statistics of a draw
_SEVERITY = 3
_BATCH_SIZE = 128
_NUM_RUNS = 3
_NUM_SAMPLES = 12
_NUM_FEWER = 6  # draws on corrupted images
_RANK = 20
_SWAG_RATE = 0.03  # of SGD with momentum 0.9
_SGHMC_RATE = 0.02
_COLD = 0.01  # temperature of SGHMC

_NETWORK = "ResNet-20"
_PLAIN = f"{_NETWORK}, statistics of images as they are"
_RECOMPUTED = f"{_NETWORK}, statistics recomputed"
_SCALED = f"{_NETWORK}, temperature"
_SHARED = "SWAG, statistics of the mean"
_CSGHMC = "cSGHMC, cold"
_NODES = "nodes, K = 16"
_PUBLISHED: dict[str, dict[str, float | str]] = {
    _NETWORK: {"error %": 8.27, "nll": 0.373},  # with the checkpoint
    "SWA": {"error %": -0.55},  # minus SGD, PreResNet-164
    "SWAG": {"nll": "below 0"},
}

_SWAG = partial(
    SWAG, burn_in=2, points=40, swa_lr=_SWAG_RATE, rank=_RANK, precision="bf16"
)
_SAMPLER = partial(SGHMC, cycles=3, temperature=_COLD)
_HALF = partial(SVI, precision="bf16")


def _method(
    epochs: float, engine: Callable[..., Any], rate: float, least: float
) -> Method:
    """Return a method with one learning rate, and its least number of epochs."""
    return Method(
        epochs, engine, rates=(rate,), batch_size=_BATCH_SIZE, min_epochs=least
    )


_WEIGHTS = priors.WeightPrior(dist.Normal(0.0, 1.0))  # a weight decay of 1e-4
_CONTESTANTS = {
    "SWAG": Contestant(
        _WEIGHTS,
        partial(guides.LowRank, rank=_RANK, per="all"),
        _method(8, _SWAG, _SWAG_RATE, 4),
    ),
    _CSGHMC: Contestant(_WEIGHTS, no_guide, _method(12, _SAMPLER, _SGHMC_RATE, 6)),
    _NODES: Contestant(
        priors.NodePrior(dist.Normal(1.0, 0.1), weights=priors.Frozen()),
        partial(
            guides.NodeMixture, num_components=16, init_scale=0.05, init_spread=0.1
        ),
        _method(4, _HALF, 0.05, 0.5),
    ),
}
_SHARES = {"SWAG": 0.18, _CSGHMC: 0.3, _NODES: 0.15}


def _run(run: Run) -> None:
    """Score a trained network, averages of weights and samples around it, and its nodes."""
    data = load_cifar10(run)
    x, y = data.train
    data = replace(data, train=Split(x[:_NUM_TRAIN], y[:_NUM_TRAIN]))
    draws = (_NUM_SAMPLES, _NUM_FEWER)
    test = ScoredImages(run, data, _NUM_CHOSEN, _NUM_CORRUPTED, _SEVERITY, draws)

    network = load_trained(run, 20)
    _score_trained(test, network)
    _score_averages(test, network)
    for name in (_CSGHMC, _NODES):
        posterior = _fit(test, name, network)
        _score(test, name, partial(_predict, run, posterior))

    _draw_figure(run)
    _add_notes(run)


def _score(test: ScoredImages, name: str, predict: Predict) -> None:
    """Score a prediction, state its scores, and compare it with the network."""
    test.score(name, predict)
    published = _PUBLISHED.get(name, {})
    if name == _NETWORK:
        test.report(name, published)
    else:
        test.report(name, {})
        test.compare(name, _NETWORK, published)


def _score_trained(test: ScoredImages, network: nn.Module) -> None:
    """Score the network as it came, with other statistics, and with a temperature."""
    device = test.run.device
    network = network.to(device).eval()
    plain = normalised_by(network, test.data.train.x.split(_BATCH_SIZE), device)
    recomputed = normalised_by(network, loader(test.data.train, _BATCH_SIZE), device)

    chosen = logits_of(network, test.chosen.x, device)
    best = metrics.temperature_scaling(chosen, test.chosen.y.to(device))
    temperature = float(best)
    test.run.report.find("temperature of the network", temperature)

    alone = partial(_predict_alone, device)
    _score(test, _NETWORK, partial(alone, network, 1.0))
    _score(test, _PLAIN, partial(alone, plain, 1.0))
    _score(test, _RECOMPUTED, partial(alone, recomputed, 1.0))
    _score(test, _SCALED, partial(alone, network, temperature))


def _predict_alone(
    device: torch.device, network: nn.Module, temperature: float, x: Tensor, _: int
) -> Prediction:
    """Return the prediction of a network, whose logits are divided by a temperature."""
    return prediction_of(logits_of(network, x, device) / temperature)


def _score_averages(test: ScoredImages, network: nn.Module) -> None:
    """Score the mean of one run of SGD, its normal, and the normals of several runs."""
    runs = []
    for number in range(_NUM_RUNS):
        runs.append(_fit(test, "SWAG", network, number))

    mean = runs[0].with_guide(point_at_means(runs[0].model, runs[0]))
    _score(test, "SWA", partial(_predict_normalised, test, mean))
    each = [partial(_predict_normalised, test, posterior) for posterior in runs]
    _score(test, "SWAG", each[0])
    _score(test, "MultiSWAG", partial(_predict_together, each))
    _score(test, _SHARED, partial(_predict, test.run, runs[0]))
    test.compare("MultiSWAG", "SWAG", {"nll": "below 0"})
    _state_rises(test, network, runs)


def _state_rises(
    test: ScoredImages, network: nn.Module, runs: Sequence[Posterior]
) -> None:
    """State whether the runs have left the basin of the network, and each other's."""
    rise = partial(rise_half_way, train=_few(test))

    def make() -> dict[str, float]:
        return {
            "the network and SWA": rise(network.state_dict(), runs[0]),
            "SWA of two runs": rise(*runs[:2]),
        }

    found = test.run.keep("half way", make, first=runs[0], second=runs[1])
    for name, value in found.items():
        what = f"training loss half way between {name}, minus that of both, nats"
        test.run.report.find(what, value)


def _few(test: ScoredImages) -> Split:
    """Return the training images for the statistics of a draw."""
    x, y = test.data.train
    return Split(x[:_NUM_NORMALISED], y[:_NUM_NORMALISED])


def _fit(
    test: ScoredImages, name: str, network: nn.Module, number: int = 0
) -> Posterior:
    """Fit a contestant from the trained network, on augmented images.

    Arguments:
        test: The images.
        name: The name of the contestant.
        network: The trained network.
        number: The number of the run, of which the first has the plain name.
    """
    run, contestant = test.run, _CONTESTANTS[name]
    start = copy.deepcopy(network)
    average_longer(start)

    make = partial(run.build, start, contestant.prior, contestant.make_guide)
    key = f"{name}, run {number + 1}" if number else name
    with warnings.catch_warnings():  # a note says it
        warnings.filterwarnings("ignore", "the network has batch normalisation")
        return run.fit(
            key,
            make,
            test.data,
            contestant.method,
            share=_SHARES[name],
            train=loader(test.data.train, _BATCH_SIZE),
            seed=number,
        )


def _predict(run: Run, posterior: Posterior, x: Tensor, num_samples: int) -> Prediction:
    """Predict with the statistics of batch normalisation that all draws share."""
    number = posterior.num_available(num_samples)
    return posterior.predict(x, num_samples=number, progress=run.progress)


def _predict_normalised(
    test: ScoredImages, posterior: Posterior, x: Tensor, num_samples: int
) -> Prediction:
    """Predict with the statistics of batch normalisation of each draw, on augmented images."""
    if isinstance(posterior.guide, guides.Delta):
        num_samples = 1

    draws = zoo.renormalise(posterior, loader(_few(test), _BATCH_SIZE), num_samples)

    return draws.predict(x, progress=test.run.progress)


def _predict_together(
    each: Sequence[Predict], x: Tensor, num_samples: int
) -> Prediction:
    """Predict with equally many draws of each of several posteriors."""
    share = num_samples // len(each)
    parts = [predict(x, share) for predict in each]
    outputs = torch.cat([part.outputs for part in parts])

    return Prediction(parts[0].likelihood, outputs)


def _draw_figure(run: Run) -> None:
    """Draw NLL over calibration error, on clean and on corrupted images."""
    scored = run.result.scores
    names = [name for name in scored if under_corruption(name) in scored]
    panels = {
        "clean test images": {name: name for name in names},
        f"{NUM_FAMILIES} corruptions, severity {_SEVERITY}": {
            name: under_corruption(name) for name in names
        },
    }
    draw_nll_over_ece(run, panels)


def _add_notes(run: Run) -> None:
    """Say what the numbers are of."""
    run.report.note(
        "Every fit starts at the trained network and sees the first 10,000 of its 50,000 training "
        "images, mirrored and shifted. MultiSWAG has short runs, not independent trainings: half "
        "way between their means the loss does not rise, so they stay in one basin."
    )
    run.report.note(
        "No posterior is sampled: augmented images are other data in each pass. cSGHMC has the "
        f"temperature {_COLD:g}, and the statistics that the network came with."
    )
    run.report.note(
        f"Rates and temperatures were chosen on the first {_NUM_CHOSEN:,} test images, because "
        "the network has seen every training image. Differences are on the other images. "
        f"Corrupted are the {_NUM_CORRUPTED:,} images after those, by each of {NUM_FAMILIES} "
        f"families at severity {_SEVERITY}, with {_NUM_FEWER} draws; errors are over images."
    )


swag_cifar10 = Experiment(
    name="swag-cifar10",
    question="do averages along SGD and stochastic gradients around a trained residual network "
    "lower its NLL and calibration error, on clean and on corrupted images?",
    reference="A Simple Baseline for Bayesian Uncertainty in Deep Learning (Maddox, Garipov, "
    "Izmailov, Vetrov, Wilson, 2019)",
    minutes=30,
    run=_run,
)
