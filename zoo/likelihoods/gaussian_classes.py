"""Generative classification: the inputs of each class are Gaussian in the latents of a flow."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Size, Tensor

from zoo.likelihoods.categorical import Categorical
from zoo.likelihoods.observed import PREFIX, Observed
from zoo.runtime.distributions import to

_MEANS = f"{PREFIX}means"


class GaussianClasses(Categorical):
    r"""Generative classification: a Gaussian for each class, in the latents of a flow.

    .. math:: \log p(x, y = c) = -\log K + \log N(z \mid \mu_c, I_D) + \log |\det f'(x)|,
        \qquad z = f(x)

    A network such as `networks.NormalisingFlow` gives the latents and the log determinant,
    (N, D + 1). What is observed is the input together with its class: the bound and
    `prediction.log_prob` are of the density of both, in nats per datum. The class
    probabilities are those of Bayes' rule, and classes are equally probable a priori.

    References:
        Semi-Supervised Learning with Normalizing Flows (Izmailov, Kirichenko, Finzi, Wilson,
        2020)
        Task-agnostic Continual Learning with Hybrid Probabilistic Models (Kirichenko,
        Farajtabar, Rao, Lakshminarayanan, Levine, Li, Hu, Wilson, Pascanu, 2021)

    Arguments:
        means: The mean of each class, (K, D); or their prior, a distribution with such
            draws, whose site is `likelihood:means`.
        ignore_index: Label of the data that are left out, -100 as in torch; None if every
            datum has a class.

    Raises:
        ValueError: Means of another shape.

    Example:
        >>> likelihood = GaussianClasses(torch.tensor([[-2.0], [2.0]]))
        >>> outputs = torch.tensor([[1.0, 0.0]])  # a latent, and a log determinant
        >>> likelihood.distribution(outputs, {}).probs.round(decimals=3)
        tensor([[0.0180, 0.9820]])
    """

    def __init__(
        self, means: Tensor | TorchDistributionMixin, ignore_index: int | None = -100
    ) -> None:
        super().__init__(dim=-1, ignore_index=ignore_index)
        shape = means.shape if isinstance(means, Tensor) else means.shape()
        if len(shape) != 2:
            raise ValueError(
                f"means must be (K, D), one vector of latents for each class, not {tuple(shape)}"
            )
        self.means = means
        self.num_classes, self.num_latents = shape

    def distribution(self, output: Tensor, noise: Mapping[str, Tensor]) -> JointClasses:
        """Return the classes with the log density of input and class, batch shape (*, N)."""
        if output.shape[-1] != self.num_latents + 1:
            raise ValueError(
                f"under {self!r} the network gives {self.num_latents} latents and a log "
                f"determinant, {self.num_latents + 1} outputs, not {output.shape[-1]}; write "
                f"networks.NormalisingFlow({self.num_latents})"
            )

        means = noise.get(_MEANS, self.means)
        assert isinstance(means, Tensor)
        latents = self.latent_log_prob(output, means)  # (*, N, K)
        log_volume = output[..., -1:]

        return JointClasses(latents + log_volume - math.log(self.num_classes))

    def latent_log_prob(self, output: Tensor, means: Tensor) -> Tensor:
        """Return log N(z | mean, I) of each class, (*, N, K).

        Arguments:
            output: Latents and log determinants, (*, N, D + 1).
            means: The means, (K, D), or (S, 1, K, D) for draws.
        """
        z = output[..., :-1].unsqueeze(-2)  # (*, N, 1, D)
        square = (z - means.to(output)).square().sum(-1)

        return -(square + self.num_latents * math.log(2 * math.pi)) / 2

    def priors(self, like: Tensor) -> dict[str, TorchDistributionMixin]:
        """Return the prior of the means, if they are random."""
        if isinstance(self.means, Tensor):
            return {}

        prior = to(self.means, like)

        return {_MEANS: prior.to_event(len(prior.batch_shape))}

    def for_data(self, output: Tensor, y: Tensor | Observed) -> GaussianClasses:
        """Return the likelihood itself: latents are last."""
        return self

    def __repr__(self) -> str:
        size = f"{self.num_classes} classes, {self.num_latents} latents"
        kind = "fixed" if isinstance(self.means, Tensor) else "random"

        return f"GaussianClasses({size}, {kind} means)"


class JointClasses(dist.Categorical):
    """Classes whose log probability is that of input and class; `probs` are by Bayes' rule.

    Arguments:
        joint: The log density of input and class, (*, N, K).
    """

    def __init__(self, joint: Tensor) -> None:
        super().__init__(logits=joint, validate_args=False)
        self.joint = joint

    def expand(self, batch_shape: Size, _instance: object = None) -> JointClasses:
        """Return the distribution with another batch shape."""
        return JointClasses(self.joint.expand(*batch_shape, self.joint.shape[-1]))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density of the input together with a class."""
        index = value.long().unsqueeze(-1)
        index, joint = torch.broadcast_tensors(index, self.joint)

        return joint.gather(-1, index[..., :1]).squeeze(-1)
