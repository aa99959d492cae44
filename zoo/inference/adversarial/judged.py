"""The likelihood of a generator: discriminators take what it makes for real."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pyro.distributions as dist
import torch
from torch import Tensor

from zoo.likelihoods.likelihood import Likelihood
from zoo.model import BayesianNetwork

Weights = Mapping[str, Tensor]


def first_output(output: Tensor) -> Tensor:
    """Return the logit of being real (N,) of a discriminator with one output, (N, 1)."""
    return output[..., 0]


class Judged(Likelihood):
    r"""The probability that discriminators take the output of a generator for real.

    .. math:: \log p(\theta_g \mid z, \theta_d) = \log p(\theta_g)
        + \sum_{i=1}^{N} \log D(G(z_i; \theta_g); \theta_d^{(k_i)}) + \text{const}

    So the data of a generator are latent variables z as inputs, targets that are all one,
    and the discriminators. Of K discriminators each judges every K-th row of a batch. In
    the mean over batches each row has the mean log probability of all of them: the
    evidence is that of N data, however many discriminators there are.

    References:
        Bayesian GAN (Saatci, Wilson, 2017), equation 1

    Arguments:
        discriminator: The model of the discriminators.
        weights: Values (K, *shape) of its sites; None for those of its network.
        realness: Takes the logit of being real (N,) from a discriminator's output.
        event_dim: Number of dimensions of one output of the generator, 3 for an image.

    Example:
        >>> prior = priors.WeightPrior(priors.fan_in())
        >>> judge = BayesianNetwork(networks.MLP(6, 1), prior, likelihoods.Bernoulli())
        >>> made = BayesianNetwork(networks.MLP(2, 6), prior, Judged(judge))
        >>> made.likelihood
        Judged(MLP, 1 at a time)
    """

    target = "ones"
    discrete = True

    def __init__(
        self,
        discriminator: BayesianNetwork,
        weights: Weights | None = None,
        realness: Callable[[Tensor], Tensor] = first_output,
        event_dim: int = 1,
    ) -> None:
        self.discriminator = discriminator
        self.realness = realness
        self.event_dim = event_dim
        if weights is None:
            inits = discriminator.plan.inits(discriminator.network)
            weights = {name: value[None] for name, value in inits.items()}

        self.weights = {name: value.detach().clone() for name, value in weights.items()}

    def by(self, weights: Weights, event_dim: int) -> Judged:
        """Return the likelihood of other discriminators, with weights (K, *shape) of its own."""
        return Judged(self.discriminator, weights, self.realness, event_dim)

    def set_weights(self, weights: Weights) -> None:
        """Overwrite the weights of the discriminators, so that graphs read the new ones."""
        for name, value in weights.items():
            self.weights[name].copy_(value)

    def distribution(
        self, output: Tensor, noise: Mapping[str, Tensor]
    ) -> dist.Bernoulli:
        """Return the distribution of being taken for real, (*, N), of outputs (*, N, ...)."""
        batch = output.shape[: output.dim() - self.event_dim]
        rows = output.reshape(-1, *output.shape[len(batch) :])

        return dist.Bernoulli(logits=self._logits(rows).reshape(batch))

    def _logits(self, rows: Tensor) -> Tensor:
        """Return the logit of being real (N,) of each row, by the discriminator of its turn."""
        number = len(next(iter(self.weights.values())))
        parts, places = [], []
        for judge in range(min(number, len(rows))):
            values = {name: value[judge] for name, value in self.weights.items()}
            output = self.discriminator.output(values, rows[judge::number])
            parts.append(self.realness(output))
            places += range(judge, len(rows), number)

        order = torch.tensor(places, device=rows.device).argsort()

        return torch.cat(parts)[order]

    def __repr__(self) -> str:
        number = len(next(iter(self.weights.values())))
        return (
            f"Judged({type(self.discriminator.network).__name__}, {number} at a time)"
        )
