"""Digits of which few have a label: discriminators of ten classes and of made images."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pyro
import torch
from torch import Tensor

from zoo import likelihoods
from zoo.datasets import Split
from zoo.experiments.parts.gan_case import PRIOR, GanCase, chains
from zoo.experiments.parts.gan_pictures import picture_case
from zoo.inference import SGHMC
from zoo.inference.adversarial import RealClasses
from zoo.model import BayesianNetwork
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.stochastic_info import SGMCMCInfo

NUM_CLASSES = 10
_NUM_CHAINS = 2  # generators, and as many discriminators
_NUM_ALONE = 5  # chains of the labelled data alone
_DRAWS_PER_EPOCH = 5
_LR = 0.02


def few_labels(data: Split, per_class: int, seed: int) -> Split:
    """Draw as many labelled data of each class."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(data.y), generator=generator)
    chosen = []
    for label in range(NUM_CLASSES):
        of_class = order[data.y[order] == label]
        chosen.append(of_class[:per_class])

    return data.take(torch.cat(chosen))


@dataclass(frozen=True)
class LabelCase:
    """Labelled data and where to predict, shared by all methods.

    Arguments:
        few: The labelled data, (L, 1, 32, 32).
        x: Where to predict, (N, 1, 32, 32).
        num_epochs: Passes through the labelled data alone, a step each.
        label_weight: How often each labelled datum counts, w.
        seed: Seed of all random numbers.
        num_draws: Number of draws for a prediction, if there are as many.
    """

    few: Split
    x: Tensor
    num_epochs: int
    label_weight: float
    seed: int
    num_draws: int


def supervised(case: LabelCase) -> dict[str, Any]:
    """Return what a posterior of the labelled data alone predicts, and its temperature."""
    posterior = _of_labels(case, NUM_CLASSES, case.few.y, _NUM_ALONE)
    number = posterior.num_available(case.num_draws)
    probs = posterior.predict(case.x, number, progress=False).probs

    return {"probabilities": probs, "temperature": _temperature(posterior)}


def semi_supervised(
    case: LabelCase, unlabelled: Tensor, num_epochs: int
) -> dict[str, Any]:
    """Return what discriminators predict that also see other data, and their temperature.

    They begin at draws of the posterior of the labelled data alone.

    Arguments:
        case: The labelled data.
        unlabelled: Data without a label, (M, 1, 32, 32).
        num_epochs: Passes through them.
    """
    networks = _networks(NUM_CLASSES + 1)
    init = _of_labels(case, NUM_CLASSES + 1, case.few.y + 1, networks.num_chains)
    found = chains(
        networks,
        unlabelled,
        num_epochs,
        case.seed,
        draws_per_epoch=min(_DRAWS_PER_EPOCH, networks.num_steps(unlabelled, 1)),
        labelled=tuple(case.few),
        label_weight=case.label_weight,
        init=init,
    )
    judges = found.discriminator
    number = judges.num_available(case.num_draws)
    outputs = judges.predict(case.x, number, progress=False).outputs
    probs = RealClasses().given_real(outputs)

    return {"probabilities": probs, "temperature": _temperature(judges)}


def _networks(num_outputs: int) -> GanCase:
    """Return the networks of DCGAN with the settings that were chosen for digits."""
    case = picture_case(1, num_outputs)
    return replace(case, num_chains=_NUM_CHAINS, batch_size=64, prior=PRIOR, lr=_LR)


def _temperature(posterior: DrawsPosterior) -> float:
    """Return the kinetic temperature over that of the target."""
    assert isinstance(posterior.info, SGMCMCInfo)
    return posterior.info.temperatures()["kinetic"].mean


def _of_labels(
    case: LabelCase, num_outputs: int, y: Tensor, num_chains: int
) -> DrawsPosterior:
    """Return a posterior of labelled data alone, each of which counts w times.

    That is the likelihood to the power w. Its gradient is w times that of a datum, so that
    the learning rate is divided by w.
    """
    pyro.set_rng_seed(case.seed)
    network = _networks(num_outputs).discriminator()
    model = BayesianNetwork(network, PRIOR, likelihoods.Categorical())
    engine = SGHMC(
        model,
        num_chains=num_chains,
        num_epochs=case.num_epochs,
        lr=_LR / case.label_weight,
        likelihood_temperature=1 / case.label_weight,
        init="prior",
        compile=False,
        progress=False,
    )

    return engine.fit((case.few.x, y))
