"""connect-lenet: what connects two fits of LeNet-5 to MNIST, and what the connection predicts."""

from __future__ import annotations

from functools import partial

import pyro.distributions as dist

import guides
from zoo import datasets, landscape, networks, priors
from zoo.datasets import Dataset
from zoo.experiments.parts.connection_panels import draw_connections
from zoo.experiments.parts.connections import (
    Connections,
    ensemble,
    epochs,
    state_gains,
    state_rise,
    state_scores,
)
from zoo.experiments.running.contestant import no_guide
from zoo.experiments.running.method import Method
from zoo.experiments.running.run import Experiment, Run
from zoo.inference import FGE
from zoo.landscape import Line
from zoo.model import BayesianNetwork
from zoo.posterior.posterior import Posterior
from zoo.runtime.programs import PyroProgram

_NUM_TRAIN = 20_000
_NUM_POINTS = 31  # along a curve; 61 were published
_NUM_SAMPLES = 16  # points of a curve that predict
_PRIOR = priors.WeightPrior(dist.Normal(0.0, 0.3))  # a weight decay of 6e-4
_ENDS = Method(epochs=12, batch_size=256, published_epochs=100)
_FGE = Method(
    epochs=12,
    engine=partial(FGE, burn_in=0, high_lr=0.05, low_lr=0.01),
    rates=(0.05,),  # as published
    batch_size=256,
    min_epochs=3,
)
_EPOCHS = {"curve": 12, "vertex": 5}
_PUBLISHED_EPOCHS = {"curve": 200, "vertex": 25}
_RISES = {  # of VGG16 on CIFAR-10
    "loss": "0: 0.24 at the ends and at most 0.24 (VGG16, CIFAR-10)",
    "error": "0.81: 6.94 at the worse end and at most 7.75 (VGG16, CIFAR-10)",
}
_PAIRS = (  # whose predictions are compared
    ("both fits", "first fit"),
    ("Bezier curve", "first fit"),
    ("Bezier curve", "both fits"),
    ("simplexes", "both fits"),
    ("FGE", "first fit"),
    ("FGE", "both fits"),
)


def _run(run: Run) -> None:
    """Connect two fits, and a fit with a permuted copy, and score what predicts."""
    data = run.dataset(datasets.mnist, num_train=_NUM_TRAIN, num_validation=5_000)
    build = partial(_build, run)
    fits = run.fit_seeds("fit", build, data, _ENDS, share=0.2, number=2)
    first, second = fits.values()
    fge = run.fit(
        "FGE",
        lambda: run.build(networks.LeNet5(), _PRIOR, no_guide),
        data,
        _FGE,
        share=0.15,
        init=first,
    )

    number = 61 if run.full else _NUM_POINTS
    connections = Connections(run, data.train, data.test, number)
    lines, points = _connect(run, connections, first, second)
    members = {"first fit": first, "second fit": second}
    members |= {"both fits": ensemble([first, second]), "FGE": fge} | points
    for name, posterior in members.items():
        _score(run, name, posterior, data)

    state_gains(run, _PAIRS)

    draw_connections(run, lines, "LeNet-5 on MNIST")
    _add_notes(run)


def _build(run: Run) -> tuple[BayesianNetwork, PyroProgram]:
    """Return a new LeNet-5, and a guide at its weights."""
    return run.build(networks.LeNet5(), _PRIOR, guides.Delta)


def _connect(
    run: Run, connections: Connections, first: Posterior, second: Posterior
) -> tuple[dict[str, Line], dict[str, Posterior]]:
    """Connect the fits, and the first one with a permuted copy of it; return what was found.

    Returns:
        Profiles of lines and curves by name, and the points of curves and simplexes.
    """
    x = connections.train.x
    curve = partial(
        connections.curve,
        num_epochs=epochs(run, _EPOCHS["curve"], _PUBLISHED_EPOCHS["curve"]),
    )
    vertex = epochs(run, _EPOCHS["vertex"], _PUBLISHED_EPOCHS["vertex"])
    nearer = run.keep(
        "units in order", lambda: landscape.align(first, second, x), a=first, b=second
    )
    copy = run.keep("permuted copy", lambda: landscape.permuted(first, x), a=first)

    bezier = curve("Bezier curve", first, second, kind="bezier")
    chain = curve("polygonal chain", first, second, kind="polychain")
    to_copy = curve("Bezier curve to a permuted copy", first, copy, kind="bezier")
    spanned = connections.simplexes("simplexes", [first, second], 2, num_epochs=vertex)
    lines = {
        "straight line": connections.line("straight line", first, second),
        "line after alignment": connections.line("line after alignment", first, nearer),
        "Bezier curve": bezier.profile,
        "polygonal chain": chain.profile,
        "line to a permuted copy": connections.line(
            "line to a permuted copy", first, copy
        ),
        "Bezier curve to a permuted copy": to_copy.profile,
    }
    state_rise(run, "Bezier curve", bezier.profile, _RISES)

    return lines, {
        "Bezier curve": bezier.posterior,
        "polygonal chain": chain.posterior,
        "simplexes": spanned.posterior,
    }


def _score(run: Run, name: str, posterior: Posterior, data: Dataset) -> None:
    """Score the prediction of a posterior, and state its error and NLL."""
    number = posterior.num_available(_NUM_SAMPLES)
    if name in ("first fit", "second fit"):
        number = 1

    run.scores.add_posterior(name, posterior, data.test, number)
    state_scores(run, name)


def _add_notes(run: Run) -> None:
    """Say what the numbers are of."""
    run.report.note(
        f"Everything is of {_NUM_TRAIN:,} training images. A curve has one bend and is evaluated "
        f"at {_NUM_POINTS} points (61 were published), of which {_NUM_SAMPLES} predict; both fits "
        "together are two networks, and FGE has one for every 2 epochs of its run, at the "
        "published rates. Trials of three epochs would choose a rate at which it does not move."
    )
    run.report.note(
        "Nothing is published of LeNet on MNIST; the published numbers are of a larger network "
        "on CIFAR-10, trained for 600 epochs, and its training losses may contain weight decay."
    )
    run.report.note(
        "A permuted copy is the same function, so both ends have equal losses and the alignment "
        "of units puts it back. A curve to it shows that such copies are connected, and says "
        "nothing about other modes."
    )


connect_lenet = Experiment(
    name="connect-lenet",
    question="are two fits of LeNet-5, or a fit and a permuted copy of it, connected by curves of "
    "low loss, and are points of the curve a better ensemble than its ends?",
    reference="Loss Surfaces, Mode Connectivity, and Fast Ensembling of DNNs (Garipov, Izmailov, "
    "Podoprikhin, Vetrov, Wilson, 2018)",
    minutes=15,
    run=_run,
)
