"""Both sides of an adversarial run, each with the present chains of the other in its data."""

from __future__ import annotations

import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

from zoo.inference.adversarial.judged import Judged
from zoo.inference.adversarial.opponents import LatentBatches, MixedBatches, RealData
from zoo.inference.adversarial.side import Side
from zoo.inference.sgmcmc.engine import StochasticEngine
from zoo.model import BayesianNetwork


class Sides:
    """The generators and the discriminators of a run.

    Arguments:
        generator: The engine of the generators.
        discriminator: The engine of the discriminators.
        latent: Distribution of one latent variable.
        steps: Steps of the generators for each of the discriminators.
        data: The real data.
    """

    def __init__(
        self,
        generator: StochasticEngine,
        discriminator: StochasticEngine,
        latent: TorchDistributionMixin,
        steps: int,
        data: RealData,
    ) -> None:
        self._latent = latent
        self._judged = _judged(generator, discriminator.num_chains, data.x.dim() - 1)
        rounds = data.per_epoch

        own = generator.model
        model = BayesianNetwork(own.network, own.prior, self._judged)
        latents = LatentBatches.of(self._draw, data, steps)
        self.generators = Side(generator, model, latents, rounds)

        mixed = MixedBatches.of(data, self._made)
        self.discriminators = Side(discriminator, discriminator.model, mixed, rounds)

    def begin(self) -> None:
        """Make the kernels of both sides at their initial positions."""
        self.generators.begin()
        self.discriminators.begin()
        self._judged.set_weights(self.discriminators.values)

    def advance(self) -> None:
        """Move the discriminators by a step, and then the generators."""
        self.discriminators.advance()
        self._judged.set_weights(self.discriminators.values)
        self.generators.advance()

    def _draw(self, number: int) -> Tensor:
        """Draw latent variables, (number, ...)."""
        return self._latent.sample((number,))

    def _made(self, number: int) -> Tensor:
        """Make data (number, ...), equal parts of which are by each of the present generators."""
        generators = self.generators
        values, buffers = generators.values, generators.potential.program.buffers
        z = self._draw(number)

        made = []
        chains = generators.engine.num_chains
        for chain in range(min(chains, number)):
            own = {name: value[chain] for name, value in values.items()}
            made.append(generators.model.output({**buffers, **own}, z[chain::chains]))

        return torch.cat(made)


def _judged(
    generator: StochasticEngine, num_discriminators: int, event_dim: int
) -> Judged:
    """Return the likelihood of the generators, with a place for each discriminator."""
    likelihood = generator.model.likelihood
    weights = {}
    for name, value in likelihood.weights.items():
        weights[name] = value[:1].expand(num_discriminators, *value.shape[1:])

    return likelihood.by(weights, event_dim)
