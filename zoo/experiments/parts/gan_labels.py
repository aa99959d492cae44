"""Digits of which few have a label: discriminators of ten classes and of made images."""

from __future__ import annotations

from functools import partial

import pyro
import torch
from torch import Tensor, nn

from zoo import likelihoods, networks
from zoo.datasets import Dataset, Split
from zoo.experiments.parts.gan_case import NUM_CHAINS, PRIOR, GanCase, chains
from zoo.inference import SGHMC
from zoo.inference.adversarial import RealClasses
from zoo.model import BayesianNetwork
from zoo.posterior.draws_posterior import DrawsPosterior

NUM_CLASSES = 10
_NUM_LATENTS = 50
_HIDDEN = 300
_LEAKY = partial(nn.LeakyReLU, 0.2)


def few_labels(data: Split, per_class: int, seed: int) -> Split:
    """Draw as many labelled data of each class."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(data.y), generator=generator)
    chosen = []
    for label in range(NUM_CLASSES):
        of_class = order[data.y[order] == label]
        chosen.append(of_class[:per_class])

    return data.take(torch.cat(chosen))


def flat(part: Split, data: Dataset) -> Split:
    """Return images as rows of pixels between -1 and 1."""
    assert data.x_units is not None
    pixels = data.x_units.restore(part.x)

    return Split((2 * pixels - 1).flatten(1), part.y)


def supervised(
    num_epochs: int, few: Split, x: Tensor, seed: int, num_draws: int
) -> Tensor:
    """Return class probabilities (N, K) at x by a posterior of the labelled data alone.

    Arguments:
        num_epochs: Passes through them, a step each.
        few: The labelled data.
        x: Where to predict, (N, D).
        seed: Seed of all random numbers.
        num_draws: Number of draws for the prediction, if there are as many.
    """
    posterior = _of_labels(NUM_CLASSES, tuple(few), num_epochs, seed)
    number = posterior.num_available(num_draws)

    return posterior.predict(x, number, progress=False).probs


def semi_supervised(
    num_epochs: tuple[int, int],
    few: Split,
    unlabelled: Tensor,
    x: Tensor,
    seed: int,
    num_draws: int,
) -> Tensor:
    """Return class probabilities (N, K) at x by discriminators that also see other data.

    They begin at draws of the posterior of the labelled data alone. These are a twentieth of
    the evidence here, which chains from the prior would learn last.

    Arguments:
        num_epochs: Passes through the labelled data alone, and through the others after it.
        few: The labelled data.
        unlabelled: Data without a label, (M, D).
        x: Where to predict, (N, D).
        seed: Seed of all random numbers.
        num_draws: Number of draws for the prediction, if there are as many.
    """
    alone, together = num_epochs
    init = _of_labels(NUM_CLASSES + 1, (few.x, few.y + 1), alone, seed)
    found = chains(_case(), unlabelled, together, seed, labelled=tuple(few), init=init)
    judges = found.discriminator
    number = judges.num_available(num_draws)
    outputs = judges.predict(x, number, progress=False).outputs

    return RealClasses().given_real(outputs)


def _of_labels(
    num_outputs: int, few: tuple[Tensor, Tensor], num_epochs: int, seed: int
) -> DrawsPosterior:
    """Return a posterior of labelled data alone."""
    pyro.set_rng_seed(seed)
    network = _classifier(num_outputs)
    model = BayesianNetwork(network, PRIOR, likelihoods.Categorical())
    engine = SGHMC(
        model,
        num_chains=NUM_CHAINS,
        num_epochs=num_epochs,
        init="prior",
        compile=False,
        progress=False,
    )

    return engine.fit(few)


def _case() -> GanCase:
    """Return two multilayer perceptrons for images of 28x28 pixels between -1 and 1."""
    return GanCase(
        generator=_generator,
        discriminator=partial(_classifier, NUM_CLASSES + 1),
        num_latents=_NUM_LATENTS,
        batch_size=50,
    )


def _classifier(num_outputs: int) -> nn.Module:
    hidden = [_HIDDEN, _HIDDEN]
    return networks.MLP(28 * 28, num_outputs, hidden=hidden, activation=_LEAKY)


def _generator() -> nn.Module:
    hidden = [_HIDDEN]
    network = networks.MLP(_NUM_LATENTS, 28 * 28, hidden=hidden, activation=_LEAKY)

    return nn.Sequential(network, nn.Tanh())
