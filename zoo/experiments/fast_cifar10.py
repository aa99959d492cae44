"""fast-cifar10: a point estimate, two posteriors and MC dropout, in minutes on one core."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

import guides
from zoo import datasets, networks, priors
from zoo.datasets import Dataset
from zoo.experiments.parts.augment import loader, resized
from zoo.experiments.parts.score_panels import draw_scores
from zoo.experiments.parts.weight_averaging import average_weights
from zoo.experiments.running.contestant import Contestant, MakeGuide
from zoo.experiments.running.method import Method, ivon
from zoo.experiments.running.run import Experiment, Run
from zoo.inference import SVI
from zoo.model import BayesianNetwork
from zoo.posterior.posterior import Posterior
from zoo.runtime.programs import PyroProgram

_WIDTHS = (32, 128, 128)
_PUBLISHED_WIDTHS = (64, 256, 256)
_PUBLISHED_ERROR = 6.0  # with flipped and shifted copies of each test image
_NUM_SAMPLES = 8
_SMALL = 24  # height and width of the images of the first fit
_MARGIN = 2  # pixels by which images are shifted
_BATCH_SIZE = 256
_BIAS_RATE = 64.0  # times the rate of the weights, as published
_HESS_INIT = 2.0  # scales of 0.0033 with 45,000 images
_TWINS = {  # of each posterior
    "MC dropout": "dropout, weights averaged",
    "mean field": "point",
    "IVON": "point, longer",
}
_DROPPED = ("groups.1.conv2.weight", "groups.2.conv?.weight", "linear.weight")


def nesterov(parameters: Sequence[Tensor], lr: float) -> torch.optim.Optimizer:
    """Return SGD with Nesterov's momentum, with a large rate for biases."""
    biases = [parameter for parameter in parameters if parameter.dim() == 1]
    weights = [parameter for parameter in parameters if parameter.dim() > 1]
    groups = [
        {"params": weights, "lr": lr},
        {"params": biases, "lr": _BIAS_RATE * lr},
    ]

    return torch.optim.SGD(groups, lr=lr, momentum=0.85, nesterov=True)


@dataclass(frozen=True)
class Linear:
    """A rate that rises from zero, and then changes linearly.

    Arguments:
        num_steps: Number of steps of the run.
        warmup: Part of the steps in which the rate rises.
        first: The rate after that, as a factor of the optimiser's.
        last: The rate at the end, as a factor of the optimiser's.
    """

    num_steps: int
    warmup: float
    first: float
    last: float

    def __call__(self, step: int) -> float:
        """Return the factor of a step."""
        done = (step + 1) / self.num_steps
        if done < self.warmup:
            return self.first * done / self.warmup

        rest = (1 - done) / (1 - self.warmup)
        return self.last + (self.first - self.last) * rest


def sgd(
    model: BayesianNetwork,
    guide: PyroProgram,
    *,
    num_steps: int,
    warmup: float,
    first: float,
    last: float,
    **options: Any,
) -> SVI:
    """Return `SVI` in half precision by SGD, with a rate that changes linearly."""
    factor = Linear(num_steps, warmup, first, last)
    scheduler = partial(LambdaLR, lr_lambda=factor)

    return SVI(
        model,
        guide,
        num_steps=num_steps,
        optimizer=nesterov,
        scheduler=scheduler,
        precision="bf16",
        **options,
    )


_START = Method(
    epochs=6,
    engine=partial(sgd, warmup=0.3, first=1.0, last=0.6),
    rates=(0.4,),
    batch_size=_BATCH_SIZE,
)
_GO_ON = Method(
    epochs=5,
    engine=partial(sgd, warmup=0.02, first=0.6, last=0.0),
    rates=(0.4,),
    batch_size=_BATCH_SIZE,
)
_MORE = Method(
    epochs=1,
    engine=partial(sgd, warmup=0.1, first=1.0, last=0.0),
    rates=(0.1,),
    batch_size=_BATCH_SIZE,
)
_NATURAL = partial(
    ivon, beta2=0.999, hess_init=_HESS_INIT, point_lr=1e-2, precision="bf16"
)
_IVON = Method(epochs=1, engine=_NATURAL, rates=(0.4,), batch_size=_BATCH_SIZE)
_SCALES = Method(
    epochs=1,
    engine=partial(SVI, scales_only=True, precision="bf16"),
    rates=(1.25e-3,),
    batch_size=_BATCH_SIZE,
)
_PRIOR = priors.WeightPrior(
    priors.all_but_normalisation(dist.Normal(0.0, 0.1), otherwise=priors.Point())
)
_CONTESTANTS = {  # each goes on from the point
    "point, longer": Contestant(_PRIOR, guides.Delta, _MORE),
    "mean field": Contestant(
        _PRIOR, partial(guides.MeanField, init_scale=0.002), _SCALES
    ),
    "IVON": Contestant(_PRIOR, guides.MeanField, _IVON),
    "MC dropout": Contestant(
        _PRIOR, partial(guides.MCDropout, p=0.1, layers=_DROPPED), _MORE
    ),
}


def _run(run: Run) -> None:
    """Fit a point estimate to small and to whole images, and go on from it in several ways."""
    data = run.dataset(datasets.cifar10, num_validation=5_000)
    small = loader(resized(data.train, _SMALL), _BATCH_SIZE, _MARGIN)
    whole = loader(data.train, _BATCH_SIZE, _MARGIN)

    def fit(
        name: str, network: nn.Module, make_guide: MakeGuide, method: Method
    ) -> Posterior:
        train = small if method is _START else whole
        build = partial(run.build, network, _PRIOR, make_guide)
        return run.fit(name, build, data, method, share=0.25, train=train)

    start = fit("start", _whitened(run, data), guides.Delta, _START)
    point = fit("point", start.network(), guides.Delta, _GO_ON)
    run.scores.add_posterior("point", point, data.test, 1)

    for name, contestant in _CONTESTANTS.items():
        posterior = fit(name, point.network(), contestant.make_guide, contestant.method)
        _score(run, name, posterior, data)

    _report(run)


def _whitened(run: Run, data: Dataset) -> nn.Module:
    """Return a new network, whose first filters are of the training images."""
    torch.manual_seed(run.seed)
    widths = _PUBLISHED_WIDTHS if run.full else _WIDTHS
    network = networks.FastConvNet(widths=widths).whiten(data.train.x[:5_000])

    return network.to(memory_format=torch.channels_last)


def _score(run: Run, name: str, posterior: Posterior, data: Dataset) -> None:
    """Score a posterior, and of MC dropout the averaged weights too."""
    num_samples = _NUM_SAMPLES if name in _TWINS else 1
    run.scores.add_posterior(name, posterior, data.test, num_samples)

    if name == "MC dropout":
        averaged = average_weights(posterior)
        run.scores.add_posterior(_TWINS[name], averaged, data.test, 1)


def _report(run: Run) -> None:
    """State the scores, and the differences of each posterior and its twin."""
    report = run.report
    for name in run.result.scores:
        scores = run.scores[name]
        theirs = _PUBLISHED_ERROR if name == "point" else None
        report.find(f"error, {name}, %", scores["error %"], theirs, headline=True)
        report.find(f"NLL, {name}, nats", scores["nll"], headline=True)
        report.find(f"ECE, {name}", scores["ece"], headline=True)

    for name, twin in _TWINS.items():
        gain = run.scores.difference(name, twin)
        report.find(f"error, {name} minus {twin}, %", gain["error %"])
        report.find(f"NLL, {name} minus {twin}, nats", gain["nll"], headline=True)

    draw_scores(run, tuple(_TWINS))
    report.note("Images are mirrored and shifted in training, so no fit has a bound.")
    report.note(
        f"The point has {_START.epochs:g} epochs of images of {_SMALL}x{_SMALL} pixels and "
        f"{_GO_ON.epochs:g} of whole ones, over which the rate falls to zero. The others go on "
        "from it; the mean field keeps its weights."
    )
    report.note("Test images are evaluated as they are, without flipped copies.")


fast_cifar10 = Experiment(
    name="fast-cifar10",
    question="how good are posteriors and MC dropout on CIFAR-10 within an hour of one core?",
    reference="94% on CIFAR-10 in 3.29 Seconds on a Single GPU (Jordan, 2024)",
    minutes=60,
    run=_run,
)
