"""The base of all likelihoods: plate, N/B scaling, noise sites, checks of targets, the split of uncertainty."""

from __future__ import annotations

from collections.abc import Mapping

import pyro
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

PREFIX = "likelihood:"  # no parameter of a network can be called so


class Likelihood:
    r"""p(y | f, noise) for every datum, f the network's output.

    A member says how an output becomes a distribution; the rest is here.

    .. math:: \log p(y_{1:N} | f) \approx \frac{N}{B} \sum_{i \in \text{batch}} \log p(y_i | f_i)
    """

    target = "values"  # what a target is, in words, for error messages
    discrete = False  # whether the uncertainty is split in nats instead of variances
    bound = True  # whether what it observes is the density of y and nothing beside it

    def distribution(
        self, output: Tensor, noise: Mapping[str, Tensor]
    ) -> TorchDistributionMixin:
        """Return p(y | f): output (*, N, O) gives a distribution whose batch shape is that of y, (*, N, ...)."""
        raise NotImplementedError

    def expectation(self, distribution: TorchDistributionMixin) -> Tensor:
        """Return what posteriors are compared by, free of noise: E[y | f], or the probabilities of classes."""
        return distribution.mean

    def priors(self, like: Tensor) -> dict[str, TorchDistributionMixin]:
        """Return the priors of the likelihood's own sites, on the device of a tensor."""
        return {}

    def sample(self, like: Tensor) -> dict[str, Tensor]:
        """Draw the likelihood's own sites: the Pyro statements of its noise."""
        return {
            name: pyro.sample(name, prior) for name, prior in self.priors(like).items()
        }

    def observe(
        self,
        output: Tensor,
        y: Tensor | None,
        noise: Mapping[str, Tensor],
        num_data: int | None = None,
    ) -> Tensor:
        """Sample or observe y in a plate of `num_data`, of which this batch is a part; the only N/B there is."""
        batch = len(output)
        y = None if y is None else self.encode(y, output)
        subsample = torch.arange(batch, device=output.device)
        with pyro.plate(
            f"{PREFIX}data", size=num_data or batch, subsample=subsample, dim=-1
        ):
            return self.targets(output, y, noise)

    def targets(
        self, output: Tensor, y: Tensor | None, noise: Mapping[str, Tensor]
    ) -> Tensor:
        """Sample or observe y, in the plate of the data."""
        distribution = self.distribution(output, noise)
        event_dim = len(distribution.batch_shape) - 1
        if y is not None and y.dim() != event_dim + 1:
            raise ValueError(
                f"in training the network gives outputs of shape {tuple(output.shape)}, which {self!r} cannot hold "
                f"against targets of shape {tuple(y.shape)}; if it has companions, as networks.DSN has, take "
                "likelihoods.DeeplySupervised() or build it without them"
            )
        return pyro.sample(f"{PREFIX}y", distribution.to_event(event_dim), obs=y)

    def encode(self, y: Tensor, like: Tensor) -> Tensor:
        """Return targets in the dtype that the density needs."""
        return y.to(like.dtype)

    def check(self, output: Tensor, y: Tensor) -> None:
        """Refuse targets that do not fit the output or the support.

        Raises:
            ValueError: Says what is wrong with which target, and what to write instead.
        """
        with torch.no_grad():
            distribution = self.distribution(output, self.example_noise(output))
        expected = tuple(distribution.batch_shape)
        if tuple(y.shape) != expected:
            hint = (
                f"; write y.reshape({expected})"
                if y.numel() == distribution.batch_shape.numel()
                else ""
            )
            raise ValueError(
                f"targets have shape {tuple(y.shape)}, but with outputs of shape {tuple(output.shape)} "
                f"{self!r} needs {expected}{hint}"
            )
        inside = distribution.support.check(self.encode(y, output))
        if not bool(inside.all()):
            where = int((~inside.reshape(len(y), -1).all(-1)).nonzero()[0])
            raise ValueError(
                f"target {where} is {y[where].tolist()}, outside the support of {self!r}: it needs {self.target}"
            )

    def example_noise(self, like: Tensor) -> dict[str, Tensor]:
        """Draw the noise once from its prior, without leaving a trace."""
        with pyro.poutine.block():
            return {name: prior.sample() for name, prior in self.priors(like).items()}

    def split(self, distribution: TorchDistributionMixin) -> tuple[Tensor, Tensor]:
        r"""Split the uncertainty of a mixture over draws, (S, N, ...), into epistemic and aleatoric.

        .. math:: \text{Var}[y] = \text{Var}_w E[y | w] + E_w \text{Var}[y | w]

        Regression gets these variances; classification mutual information and expected
        entropy, in nats.

        References:
            Decomposition of Uncertainty in Bayesian Deep Learning (Depeweg et al., 2018)
        """
        return distribution.mean.var(0, correction=0), distribution.variance.mean(0)

    def uncertainty(self, distribution: TorchDistributionMixin) -> Tensor:
        """Return one number per target for `mean, uncertainty = posterior.predict(x)`: a standard deviation."""
        return sum(self.split(distribution)).sqrt()
