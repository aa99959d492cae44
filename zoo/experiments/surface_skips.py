"""surface-skips: the negative log posterior around residual networks and their plain twins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pyro.distributions as dist
import torch

import guides
from zoo import datasets, networks, priors
from zoo.datasets import Dataset
from zoo.experiments.parts.augment import loader
from zoo.experiments.parts.residual_sgd import RATE, residual_sgd
from zoo.experiments.parts.surface_panels import draw_surfaces
from zoo.experiments.parts.surroundings import Look, Surroundings, look_around
from zoo.experiments.running.method import Method
from zoo.experiments.running.run import Experiment, Run
from zoo.model import BayesianNetwork
from zoo.posterior.posterior import Posterior

_DEPTHS = {
    20: 0.34,
    8: 0.16,
}  # share of the budget of each network; the slowest is first
_PUBLISHED_DEPTHS = {56: 0.34, 20: 0.16}
_PUBLISHED_ERRORS = {  # in per cent, by depth and whether there are skips
    (20, True): 7.37,
    (20, False): 8.18,
    (56, True): 5.89,
    (56, False): 13.31,
}
_BATCH_SIZE = 128
_PRIOR_SCALE = 0.2  # as the published weight decay: 5e-4 = 1 / (50,000 * 0.2^2)
_NUM_SAMPLES = 1  # of a point estimate
_LOOK = Look(
    num_images=300,
    num_curved=100,
    shape=(21, 21),
    other_shape=(7, 7),
    num_others=2,
)

_METHOD = Method(
    epochs=6,
    engine=residual_sgd,
    rates=(RATE,),
    batch_size=_BATCH_SIZE,
    published_epochs=300,
)


def _run(run: Run) -> None:
    """Train networks of two depths with and without skips, and look around each."""
    data = run.dataset(datasets.cifar10, num_validation=5_000)
    depths = _PUBLISHED_DEPTHS if run.full else _DEPTHS

    method = _METHOD
    around = {}
    for depth, share in depths.items():
        for skips in (True, False):
            name = _name(depth, skips)
            fit = _fit(run, data, method, depth, skips, share)
            epochs = run.result.fits[name]["plan"]["epochs"]
            method = replace(method, epochs=epochs)  # all have those of the slowest
            run.scores.add_posterior(name, fit, data.test, _NUM_SAMPLES)
            around[name] = look_around(run, name, fit, data.train, _LOOK)

    names = []
    for depth in sorted(depths):
        _report(run, depth, around)
        names += [_name(depth, skips) for skips in (True, False)]

    _draw(run, around, names)
    _note(run)


def _name(depth: int, skips: bool) -> str:
    """Return the name of a network."""
    return f"ResNet-{depth}" if skips else f"ResNet-{depth} without skips"


def _fit(
    run: Run, data: Dataset, method: Method, depth: int, skips: bool, share: float
) -> Posterior:
    """Return the maximum a posteriori of a network."""

    def build() -> tuple[BayesianNetwork, guides.Delta]:
        network = networks.ResNet(depth, skips=skips)
        network = network.to(memory_format=torch.channels_last)
        prior = priors.WeightPrior(dist.Normal(0.0, _PRIOR_SCALE))
        return run.build(network, prior, guides.Delta)

    name = _name(depth, skips)
    train = loader(data.train, _BATCH_SIZE)

    return run.fit(name, build, data, method, share=share, train=train)


def _report(run: Run, depth: int, around: dict[str, Surroundings]) -> None:
    """State scores and surroundings of the networks of a depth, and their differences."""
    report = run.report
    for skips in (True, False):
        name = _name(depth, skips)
        scores, found = run.scores[name], around[name]
        published = _PUBLISHED_ERRORS.get((depth, skips))
        report.find(f"error, {name}, %", scores["error %"], published, headline=True)
        report.find(f"NLL, {name}, nats", scores["nll"])

        bare, relative = found.flatness["bare"], found.flatness["relative"]
        report.find(f"training loss at the fit, {name}, nats", bare["loss"])
        share = f"share of the plane more than 1 nat above the fit, {name}, %"
        report.find(share, found.share_above, headline=True)
        curved = f"share of the plane that is not convex, {name}, %"
        report.find(curved, found.nonconvex, headline=True)
        report.find(f"minima of the grid, {name}", found.minima)
        report.find(f"largest eigenvalue of the Hessian, {name}", bare["eigenvalue"])
        report.find(f"largest eigenvalue, relative, {name}", relative["eigenvalue"])
        report.find(f"sharpness within 0.1, {name}, nats", bare["sharpness"])

    pair = _name(depth, False), _name(depth, True)
    loss = run.scores.difference(*pair)
    published_loss = _PUBLISHED_ERRORS.get((depth, False))
    if published_loss is not None:
        published_loss = round(published_loss - _PUBLISHED_ERRORS[depth, True], 2)

    what = f"ResNet-{depth}, without skips minus with"
    report.find(f"error, {what}, %", loss["error %"], published_loss, headline=True)
    report.find(f"NLL, {what}, nats", loss["nll"], headline=True)


def _draw(run: Run, around: dict[str, Surroundings], names: Sequence[str]) -> None:
    """Draw the planes of networks by name, in their order."""
    panels = {}
    for name in names:
        error = run.scores[name]["error %"]
        panels[f"{name}\ntest error {error.value:.1f} %"] = around[name].rise

    draw_surfaces(run, panels, "negative log posterior above the fit, nats per datum")


def _note(run: Run) -> None:
    """State how the networks were trained and what the surfaces are of."""
    note = run.report.note
    note(
        "All networks have the same prior, rate, batches and number of epochs; images are "
        "mirrored and shifted in training, so no fit has a bound. Published errors are after 300 "
        "epochs."
    )
    note(
        f"Surfaces are of {_LOOK.num_images} training images as they are, in filter-normalised "
        "random directions, with biases, weights and statistics of normalisations held, as in the "
        f"paper's program; the prior counts for all images. Of {1 + _LOOK.num_others} planes of "
        "each network the first is drawn and has the curvatures; the error of the share above is "
        "over planes."
    )
    note(
        f"Curvature scores are of the mean training loss of {_LOOK.num_curved} of these images; "
        "bare ones depend on the scale of the weights, relative ones measure each weight in units "
        "of its own size."
    )


surface_skips = Experiment(
    name="surface-skips",
    question="do skip connections make the surface around a trained network smoother, and is it "
    "seen at depths of 8 and 20?",
    reference="Visualizing the Loss Landscape of Neural Nets "
    "(Li, Xu, Taylor, Studer, Goldstein, 2018)",
    minutes=25,
    run=_run,
)
