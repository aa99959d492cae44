"""A pair of a generator and a discriminator: by SGHMC of both, and as networks alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor, nn

from zoo import likelihoods, priors
from zoo.inference import SGHMC
from zoo.inference.adversarial import (
    Adversarial,
    AdversarialPosterior,
    Judged,
    RealClasses,
)
from zoo.inference.adversarial.real_classes import realness
from zoo.model import BayesianNetwork
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.posterior import Posterior

PRIOR = priors.WeightPrior(priors.fan_in(2**0.5))


@dataclass(frozen=True)
class GanCase:
    """Two networks, and how both are fitted.

    Arguments:
        generator: Makes the generator.
        discriminator: Makes the discriminator.
        num_latents: Number of latent variables L.
        num_chains: Number of generators, and of discriminators.
        batch_size: Size B of a batch.
        lr: Learning rate of SGHMC.
        friction: Friction of SGHMC.
        adam_lr: Learning rate of Adam.
        precision: Precision of products and convolutions.
        prior: Prior of both networks.
    """

    generator: Callable[[], nn.Module]
    discriminator: Callable[[], nn.Module]
    num_latents: int
    num_chains: int = 5
    batch_size: int = 64
    lr: float = 0.005
    friction: float = 0.5
    adam_lr: float = 2e-4
    precision: str = "float32"
    prior: priors.WeightPrior = PRIOR

    def latents(self, number: int) -> Tensor:
        """Draw latent variables, (number, L)."""
        return torch.randn(number, self.num_latents)

    def num_steps(self, x: Tensor, num_epochs: int) -> int:
        """Return the number of steps of passes through data (N, ...)."""
        return num_epochs * max(1, len(x) // self.batch_size)


def chains(
    case: GanCase,
    x: Tensor,
    num_epochs: int,
    seed: int,
    *,
    temperature: float = 1.0,
    draws_per_epoch: int = 1,
    labelled: tuple[Tensor, Tensor] | None = None,
    label_weight: float = 1.0,
    init: str | Posterior = "prior",
) -> AdversarialPosterior:
    """Return draws of generators and discriminators from the last half of the epochs.

    Arguments:
        case: The networks.
        x: Real data, (N, ...).
        num_epochs: Passes through the data.
        seed: Seed of all random numbers.
        temperature: Temperature T of both sides.
        draws_per_epoch: Number of draws of such an epoch.
        labelled: Labelled data, for a discriminator of classes; None for none.
        label_weight: How often each of them counts.
        init: Where the discriminators begin, as in `SGHMC`.
    """
    pyro.set_rng_seed(seed)
    likelihood = likelihoods.Bernoulli() if labelled is None else RealClasses()
    judge = BayesianNetwork(case.discriminator(), case.prior, likelihood)
    judged = Judged(judge) if labelled is None else Judged(judge, realness=realness)
    maker = BayesianNetwork(case.generator(), case.prior, judged)

    options = {
        "num_chains": case.num_chains,
        "num_epochs": num_epochs,
        "draws_per_epoch": draws_per_epoch,
        "lr": case.lr,
        "friction": case.friction,
        "temperature": temperature,
        "init": "prior",
        "compile": False,
        "progress": False,
    }
    engine = Adversarial(
        generator=SGHMC(maker, **options),
        discriminator=SGHMC(judge, **options | {"init": init}),
        latent=dist.Normal(torch.zeros(case.num_latents), 1.0).to_event(1),
        precision=case.precision,
        progress=False,
    )

    size = min(case.batch_size, len(x))

    return engine.fit(x, size, labelled=labelled, label_weight=label_weight)


def made_by_each(posterior: DrawsPosterior, case: GanCase, number: int) -> Tensor:
    """Return data that the last draw of each chain makes, (C, number, ...)."""
    last = {name: value[:, -1] for name, value in posterior.draws.items()}
    return posterior.predict_with(last, case.latents(number)).outputs


def made_by_all(posterior: DrawsPosterior, case: GanCase, number: int) -> Tensor:
    """Return data (M, ...), equal parts of which are made by each draw, at least `number`."""
    draws = posterior.sample()
    per_draw = -(-number // posterior.num_samples)
    outputs = posterior.predict_with(draws, case.latents(per_draw)).outputs

    return outputs.flatten(0, 1)
