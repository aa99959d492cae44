"""connect-cifar10: two residual networks and what connects them, and FGE from a trained one."""

from __future__ import annotations

import warnings
from functools import partial

import pyro.distributions as dist
import torch

import guides
from zoo import datasets, landscape, networks, priors
from zoo.datasets import Dataset
from zoo.datasets.images import IMAGENET
from zoo.experiments.parts.augment import loader
from zoo.experiments.parts.connection_panels import draw_connections
from zoo.experiments.parts.connections import (
    Connections,
    ensemble,
    epochs,
    state_gains,
    state_rise,
    state_scores,
)
from zoo.experiments.parts.residual_sgd import RATE, residual_sgd
from zoo.experiments.parts.temperature import logits_of, prediction_of
from zoo.experiments.parts.trained_resnets import load_trained
from zoo.experiments.running.contestant import no_guide
from zoo.experiments.running.method import Method
from zoo.experiments.running.run import Experiment, Run
from zoo.inference import FGE
from zoo.landscape import Line
from zoo.model import BayesianNetwork
from zoo.posterior.posterior import Posterior
from zoo.predictive.prediction import Prediction
from zoo.runtime.programs import PyroProgram

_NUM_TRAIN = 10_000
_NUM_TEST = 5_000
_NUM_POINTS = 15  # along a curve; 61 were published
_NUM_SAMPLES = 15  # points of the curve that predict
_BATCH_SIZE = 128
_EPOCHS = 5  # of a curve
_PUBLISHED_EPOCHS = 200
_PRIOR = priors.WeightPrior(dist.Normal(0.0, 0.3))  # a weight decay of 1.1e-3
_ENDS = Method(
    epochs=20,
    engine=residual_sgd,
    rates=(RATE,),
    batch_size=_BATCH_SIZE,
    published_epochs=150,
)
_WIDE = priors.WeightPrior(dist.Normal(0.0, 1.0))  # of the trained network: 1e-4
_FGE = Method(
    epochs=8,
    engine=partial(FGE, burn_in=0, high_lr=0.05, low_lr=0.01, precision="bf16"),
    rates=(0.05,),  # as published
    batch_size=_BATCH_SIZE,
    published_epochs=40,
    min_epochs=4,
)
_TRAINED = "ResNet-20"
_ENSEMBLE = "FGE from ResNet-20"
_RISES = {  # on CIFAR-10
    "loss": "0 (VGG16: 0.24 at the ends, at most 0.24)",
    "error": "0.81 (VGG16: 6.94 at the worse end, at most 7.75)",
}
_PAIRS = (  # whose predictions are compared
    ("both fits", "first fit"),
    ("Bezier curve", "first fit"),
    ("Bezier curve", "both fits"),
    (_ENSEMBLE, _TRAINED),
)


def _run(run: Run) -> None:
    """Connect two fits of ResNet-8, and go on from a trained ResNet-20."""
    data = run.dataset(
        datasets.cifar10,
        units=IMAGENET,
        num_train=_NUM_TRAIN,
        num_validation=5_000,
        num_test=_NUM_TEST,
    )
    fits = run.fit_seeds(
        "ResNet-8", partial(_build, run), data, _ENDS, share=0.25, number=2
    )
    first, second = fits.values()
    lines, curve = _connect(run, data, first, second)
    members = {"first fit": first, "second fit": second, "Bezier curve": curve}
    for name, posterior in members.items():
        _score(run, name, posterior, data)

    _score(run, "both fits", ensemble([first, second]), data)
    _go_on(run, data)
    state_gains(run, _PAIRS)

    draw_connections(run, lines, "residual networks on CIFAR-10")
    _add_notes(run)


def _build(run: Run) -> tuple[BayesianNetwork, PyroProgram]:
    """Return a new ResNet-8, and a guide at its weights."""
    network = networks.ResNet(8).to(memory_format=torch.channels_last)

    return run.build(network, _PRIOR, guides.Delta)


def _connect(
    run: Run, data: Dataset, first: Posterior, second: Posterior
) -> tuple[dict[str, Line], Posterior]:
    """Connect the fits, and the first one with a permuted copy of it.

    Returns:
        Profiles of lines and curves by name, and the points of the curve between the fits.
    """
    number = 61 if run.full else _NUM_POINTS
    connections = Connections(run, data.train, data.test, number)
    x = data.train.x
    nearer = run.keep(
        "units in order", lambda: landscape.align(first, second, x), a=first, b=second
    )
    copy = run.keep("permuted copy", lambda: landscape.permuted(first, x), a=first)

    curve = partial(
        connections.curve, num_epochs=epochs(run, _EPOCHS, _PUBLISHED_EPOCHS)
    )
    bezier = curve("Bezier curve", first, second, kind="bezier")
    to_copy = curve("Bezier curve to a permuted copy", first, copy, kind="bezier")
    line = connections.line
    lines = {
        "straight line": line("straight line", first, second),
        "line after alignment": line("line after alignment", first, nearer),
        "Bezier curve": bezier.profile,
        "line to a permuted copy": line("line to a permuted copy", first, copy),
        "Bezier curve to a permuted copy": to_copy.profile,
    }
    state_rise(run, "Bezier curve", bezier.profile, _RISES)

    return lines, bezier.posterior


def _go_on(run: Run, data: Dataset) -> None:
    """Score the trained network, and a fast geometric ensemble that begins at it."""
    network = load_trained(run, 20).to(run.device).eval()

    def predict() -> Prediction:
        return prediction_of(logits_of(network, data.test.x, run.device))

    run.scores.add(_TRAINED, predict, data.test.y)
    state_scores(run, _TRAINED)

    make = partial(run.build, network, _WIDE, no_guide)
    with warnings.catch_warnings():  # a note says it
        warnings.filterwarnings("ignore", "the network has batch normalisation")
        train = loader(data.train, _BATCH_SIZE)
        fge = run.fit(_ENSEMBLE, make, data, _FGE, share=0.2, train=train)

    _score(run, _ENSEMBLE, fge, data)


def _score(run: Run, name: str, posterior: Posterior, data: Dataset) -> None:
    """Score the prediction of a posterior."""
    is_one = name in ("first fit", "second fit")
    number = 1 if is_one else posterior.num_available(_NUM_SAMPLES)
    run.scores.add_posterior(name, posterior, data.test, number)
    state_scores(run, name)


def _add_notes(run: Run) -> None:
    """Say what the numbers are of."""
    run.report.note(
        f"The two ResNet-8 begin at different weights, and are fitted to {_NUM_TRAIN:,} images as "
        "they are, so fits, line and curve are of one posterior, and their error is that of few "
        f"images without augmentation. The curve has one bend and {_EPOCHS} epochs (3 bends and "
        f"200 were published) and {_NUM_POINTS} points (61). Statistics of batch normalisation "
        "are recomputed at every point."
    )
    run.report.note(
        "A permuted copy is the same function, so both ends have equal losses. A curve to it "
        "shows that such copies are connected, and says nothing about other modes."
    )
    run.report.note(
        "FGE begins at the trained ResNet-20, at the published rates 0.05 and 0.01, on "
        f"{_NUM_TRAIN:,} of the 50,000 images it was trained on, mirrored and shifted. So it "
        "starts after the end of a training, not at four fifths of one as published. It is no "
        "second mode, and its NLL is compared with the network as it came, not with one that has "
        "a temperature."
    )
    run.report.note(
        "The published rises are of networks that were trained for 200 epochs and more on all "
        "images; the published training losses may contain weight decay."
    )


connect_cifar10 = Experiment(
    name="connect-cifar10",
    question="are two residual networks, or one and a permuted copy of it, connected by curves of "
    "low loss, and do points of the curve or a fast geometric ensemble predict better?",
    reference="Loss Surfaces, Mode Connectivity, and Fast Ensembling of DNNs (Garipov, Izmailov, "
    "Podoprikhin, Vetrov, Wilson, 2018)",
    minutes=20,
    run=_run,
)
