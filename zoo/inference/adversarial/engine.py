"""Generators and discriminators in turn: chains of each, given the present ones of the other."""

from __future__ import annotations

import math
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import NamedTuple

from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

from zoo.inference.adversarial.judged import Judged
from zoo.inference.adversarial.opponents import RealData
from zoo.inference.adversarial.real_classes import RealClasses
from zoo.inference.adversarial.sides import Sides
from zoo.inference.early_end import reason_to_end
from zoo.inference.sgmcmc.engine import StochasticEngine
from zoo.model import BayesianNetwork
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.runtime.counts import check_count
from zoo.runtime.half_precision import check_precision, products_in
from zoo.runtime.progress import bar
from zoo.runtime.subnormals import flush_subnormals
from zoo.runtime.threads import one_if_small
from zoo.runtime.turn import turn

_NOT_HERE = {
    "checkpoint": None,
    "control": None,
    "functions_at": None,
    "max_draws": None,
    "thinning": 1,
}


class AdversarialPosterior(NamedTuple):
    """Draws of generators and of discriminators, from chains that moved in turn.

    Arguments:
        generator: Draws of the generators; `generator.predict(z).outputs` are what they make.
        discriminator: Draws of the discriminators.
    """

    generator: DrawsPosterior
    discriminator: DrawsPosterior


@dataclass(kw_only=True)
class Adversarial:
    r"""Posteriors of generators and discriminators by SGHMC steps of each in turn.

    .. math:: p(\theta_g \mid \theta_d) \propto p(\theta_g) \exp\Big( N \, E_z \,
        \overline{\log D(G(z; \theta_g); \theta_d)} \Big), \qquad
        p(\theta_d \mid \theta_g) \propto p(\theta_d) \prod_{i=1}^N D(x_i; \theta_d) \,
        \exp\Big( N \, E_z \, \overline{\log (1 - D(G(z; \theta_g); \theta_d))} \Big)

    The bars are means over the present discriminators and generators. Labelled data multiply
    the second density by :math:`\prod_{l=1}^L p(y_l \mid x_l; \theta_d)^w`, where w is the
    `label_weight` of `fit`.

    A round moves all discriminators by a step on a batch of real data and as many made ones,
    and then all generators by `steps` steps on new latent variables. Each side is a model
    and an engine of stochastic-gradient MCMC like any other. With the other side fixed, its
    chains draw from the conditional posterior above, with the bias and the diagnostics of
    the engine.

    These conditionals are in general not those of one joint density. The chains of both
    sides settle at a distribution all the same, as those of a dependency network do, but it
    has no formula, and other step sizes of the two sides lead to another one.

    References:
        Bayesian GAN (Saatci, Wilson, 2017)
        Dependency Networks for Inference, Collaborative Filtering, and Data Visualization
        (Heckerman, Chickering, Meek, Rounthwaite, Kadie, 2000)

    Arguments:
        generator: The engine of the generators, such as `inference.SGHMC(model)` of a model
            with the likelihood `Judged`. Its chains are the generators.
        discriminator: The engine of the discriminators, of a model of two classes with
            `likelihoods.Bernoulli()`, or of more with `RealClasses()`.
        latent: Distribution of one latent variable, such as
            `dist.Normal(torch.zeros(10), 1.0).to_event(1)`.
        steps: Steps of the generators in a round.
        precision: "bf16" computes products and convolutions in bfloat16.
        progress: Whether to show a progress bar.

    Raises:
        TypeError: An engine of another kind, or a generator with another likelihood.
        ValueError: Engines of different models or numbers of epochs, or arguments that these
            runs do not have.

    Example:
        >>> prior = priors.WeightPrior(priors.fan_in())
        >>> network = networks.MLP(6, 1)
        >>> judge = zoo.BayesianNetwork(network, prior, likelihoods.Bernoulli())
        >>> made = zoo.BayesianNetwork(networks.MLP(2, 6), prior, Judged(judge))
        >>> short = {"num_epochs": 4, "num_chains": 3, "init": "prior", "compile": False}
        >>> engine = Adversarial(
        ...     generator=inference.SGHMC(made, **short),
        ...     discriminator=inference.SGHMC(judge, **short),
        ...     latent=dist.Normal(torch.zeros(2), 1.0).to_event(1),
        ...     progress=False,
        ... )
        >>> found = engine.fit(data.train.x, batch_size=100)
        >>> found.generator
        Posterior over 456 parameters at 4 sites: 3 chains of 2 draws
        >>> found.generator.predict(torch.randn(8, 2)).outputs.shape
        torch.Size([6, 8, 6])
    """

    generator: StochasticEngine
    discriminator: StochasticEngine
    latent: TorchDistributionMixin
    steps: int = 1
    precision: str = "float32"
    progress: bool = True

    def __post_init__(self) -> None:
        check_count("steps", self.steps)
        for name in ("generator", "discriminator"):
            _check_engine(name, getattr(self, name))

        likelihood = self.generator.model.likelihood
        if not isinstance(likelihood, Judged):
            raise TypeError(
                "the likelihood of the generator must be Judged(model of the discriminator), not "
                f"{likelihood!r}"
            )

        if likelihood.discriminator is not self.discriminator.model:
            raise ValueError(
                "the generator is judged by another model than that of the discriminator; write "
                "Judged(discriminator.model)"
            )

        epochs = self.generator.num_epochs, self.discriminator.num_epochs
        if epochs[0] != epochs[1]:
            raise ValueError(
                f"generator and discriminator move in turn, but have {epochs[0]} and {epochs[1]} "
                "epochs; write the same num_epochs"
            )

        check_precision(self.precision, self.generator.model.first_parameter)

    @turn()
    def fit(
        self,
        x: Tensor,
        batch_size: int,
        *,
        labelled: tuple[Tensor, Tensor] | None = None,
        num_labelled: int | None = None,
        label_weight: float = 1.0,
    ) -> AdversarialPosterior:
        """Run the chains of both sides.

        References:
            Assigning a value to a power likelihood in a general Bayesian model (Holmes,
            Walker, 2017)

        Arguments:
            x: Real data, (N, ...). The generators are judged as if they had made as many.
            batch_size: Number B of real data, of made ones and of latent variables in a batch.
            labelled: Further data (L, ...) and their classes (L,), for a discriminator with
                `RealClasses()`.
            num_labelled: Number of labelled data in a batch, B or L by default.
            label_weight: How often each labelled datum counts, w. With w = 1 there is a
                posterior of N real data and L labels; programs for few labels have N/L, so
                that a batch is half of labelled data. This is a generalised posterior, whose
                L labels are as sure as N of them.

        Raises:
            ValueError: Data without rows, or fewer than a batch; labels for a discriminator
                of two classes, or none for one of more; a weight that is not above 0.
        """
        began = time.perf_counter()
        self._check(x, batch_size, labelled)
        _check_weight(label_weight, labelled)
        with flush_subnormals(), ExitStack() as stack, products_in(self.precision):
            stack.enter_context(one_if_small(self.discriminator.model.network, x))
            data = RealData(x, batch_size, labelled, num_labelled, label_weight)
            sides = Sides(
                self.generator, self.discriminator, self.latent, self.steps, data
            )
            for side in (sides.generators, sides.discriminators):
                stack.enter_context(side.potential.program.running())

            stopped = self._go(sides, data.per_epoch)

        seconds = time.perf_counter() - began

        return AdversarialPosterior(
            sides.generators.posterior(seconds, stopped),
            sides.discriminators.posterior(seconds, stopped),
        )

    def _go(self, sides: Sides, per_epoch: int) -> str:
        """Move both sides in turn, and return why that ended early, "" if it did not."""
        sides.begin()
        total = self.generator.num_epochs
        with bar(total, repr(self), self.progress) as progress:
            try:
                for _ in range(total):
                    for _ in range(per_epoch):
                        sides.advance()

                    progress.update()
            except KeyboardInterrupt as error:
                return reason_to_end(error, progress.n, total)

        return ""

    def _check(
        self, x: Tensor, batch_size: int, labelled: tuple[Tensor, Tensor] | None
    ) -> None:
        """Refuse data that do not fit the engine."""
        check_count("batch_size", batch_size)
        if len(x) < batch_size:
            raise ValueError(
                f"there are {len(x)} real data, fewer than a batch; write batch_size={len(x)} or "
                "smaller"
            )

        has_classes = isinstance(self.discriminator.model.likelihood, RealClasses)
        if has_classes != (labelled is not None):
            raise ValueError(
                f"{self.discriminator.model.likelihood!r} and labelled data go together; write "
                "labelled=(x, y) with RealClasses(), and none with likelihoods.Bernoulli()"
            )

    def __repr__(self) -> str:
        numbers = self.generator.num_chains, self.discriminator.num_chains
        return f"Adversarial({numbers[0]} generators, {numbers[1]} discriminators)"


def _check_weight(weight: float, labelled: tuple[Tensor, Tensor] | None) -> None:
    """Refuse a weight of labels that is none, or that has no labels."""
    if not 0 < weight < math.inf:
        raise ValueError(
            f"label_weight must be a number above 0, not {weight}; write 1.0 for a posterior, or "
            "len(x) / len(labels) for labels that count as much as the other data"
        )

    if labelled is None and weight != 1:
        raise ValueError(
            f"label_weight={weight} is of labelled data, of which there are none; omit it, or "
            "write labelled=(x, y)"
        )


def _check_engine(side: str, engine: object) -> None:
    """Refuse what is no engine of stochastic-gradient MCMC, or has what these runs do not."""
    if not isinstance(engine, StochasticEngine):
        raise TypeError(
            f"{side} must be an engine of stochastic-gradient MCMC such as inference.SGHMC(model),"
            f" not {engine!r}"
        )

    if not isinstance(engine.model, BayesianNetwork):
        raise TypeError(
            f"the model of {side} must be a zoo.BayesianNetwork, not {engine.model!r}"
        )

    for name, usual in _NOT_HERE.items():
        if getattr(engine, name) != usual:
            raise ValueError(
                f"{name}={getattr(engine, name)!r} of {side} is not for chains that move in turn; "
                "omit it"
            )
