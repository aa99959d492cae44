"""The base of all likelihoods: the plate of the data, noise sites, checks, uncertainty."""

from __future__ import annotations

from collections.abc import Mapping

import pyro
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

PREFIX = "likelihood:"  # of sites; a parameter of a network cannot have such a name


def is_noise_site(name: str) -> bool:
    """Return whether a site is of the likelihood, e.g. the noise scale."""
    return name.startswith(PREFIX)


class Likelihood:
    r"""The distribution p(y | f, noise) of a target y given the network's output f.

    .. math::
        \log p(y_{1:N} | f) \approx
        \frac{N}{B} \sum_{i \in \text{batch}} \log p(y_i | f_i)

    A likelihood of your own is a subclass that defines `distribution`. It may also define
    `target`, `discrete` and `bound`, and `priors` if its noise is random. Everything else
    has a default.

    References:
        Generalized Linear Models (McCullagh, Nelder, 1989)

    Attributes:
        target: What a target is, in words, for error messages, e.g. "finite real
            numbers".
        discrete: Whether targets are classes. Then uncertainties are entropies in nats;
            otherwise they are variances in squared units of y.
        bound: Whether the observed density is the density of y alone. If it is not, the
            ELBO is no lower bound on the log evidence, and `posterior.info.bound` is
            False.

    Example:
        >>> class Laplace(Likelihood):
        ...     target = "finite real numbers"
        ...
        ...     def distribution(self, output, noise):
        ...         return dist.Laplace(output, 0.1)
        >>> Laplace().distribution(torch.zeros(8, 1), {}).batch_shape
        torch.Size([8, 1])
    """

    target: str = "values"
    discrete: bool = False
    bound: bool = True

    def distribution(
        self, output: Tensor, noise: Mapping[str, Tensor]
    ) -> TorchDistributionMixin:
        """Return p(y | f) for each datum.

        Arguments:
            output: The network's output, (*, N, O). Draws may come first, (S, N, O).
            noise: Values of the sites of `priors` by name; empty if there are none.

        Returns:
            A distribution whose batch shape is the shape of y, (*, N, ...), and whose
            event shape is ().
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no method distribution(output, noise); "
            "define it, e.g. return dist.Laplace(output, 0.1)"
        )

    def expectation(self, distribution: TorchDistributionMixin) -> Tensor:
        """Return E[y | f], (*, N, ...), or for classes their probabilities, (*, N, O).

        Posteriors are compared by these, because they contain no noise.
        """
        return distribution.mean

    def priors(self, like: Tensor) -> dict[str, TorchDistributionMixin]:
        """Return the priors of the likelihood's own sites by name, e.g. of the noise scale.

        Arguments:
            like: A tensor of the device and dtype that the priors must have.

        Returns:
            Distributions by site name; a name starts with "likelihood:". Empty by
            default.
        """
        return {}

    def sample(self, like: Tensor) -> dict[str, Tensor]:
        """Draw the likelihood's own sites by `pyro.sample`."""
        values = {}
        for name, prior in self.priors(like).items():
            values[name] = pyro.sample(name, prior)
        return values

    def observe(
        self,
        output: Tensor,
        y: Tensor | None,
        noise: Mapping[str, Tensor],
        num_data: int | None = None,
    ) -> Tensor:
        """Sample or observe y in the plate of the data, which scales the log density by N / B.

        Arguments:
            output: The network's output for the batch, (B, O).
            y: Targets (B, ...) to observe; None samples them.
            noise: Values of the sites of `priors` by name.
            num_data: Size N of the whole data; B by default.

        Returns:
            The targets (B, ...).
        """
        batch = len(output)
        if y is not None:
            y = self.encode(y, output)

        size = num_data or batch
        subsample = torch.arange(batch, device=output.device)
        with pyro.plate(f"{PREFIX}data", size=size, subsample=subsample, dim=-1):
            return self.targets(output, y, noise)

    def targets(
        self, output: Tensor, y: Tensor | None, noise: Mapping[str, Tensor]
    ) -> Tensor:
        """Sample or observe y by `pyro.sample`; `observe` calls this in the plate of the data."""
        distribution = self.distribution(output, noise)
        event_dim = len(distribution.batch_shape) - 1
        if y is not None and y.dim() != event_dim + 1:
            raise ValueError(
                f"in training the network gives outputs of shape {tuple(output.shape)}, which do "
                f"not fit targets of shape {tuple(y.shape)} under {self!r}; for networks.DSN use "
                "likelihoods.DeeplySupervised(), or build it with companions=False"
            )

        return pyro.sample(f"{PREFIX}y", distribution.to_event(event_dim), obs=y)

    def encode(self, y: Tensor, like: Tensor) -> Tensor:
        """Return targets in the dtype that the density needs: that of the output by default."""
        return y.to(like.dtype)

    def check(self, output: Tensor, y: Tensor) -> None:
        """Refuse targets that do not fit the output or the support.

        Arguments:
            output: The network's output, (N, O).
            y: Targets, (N, ...).

        Raises:
            ValueError: A wrong shape, or a target outside the support. The message names
                the target and what to write instead.
        """
        noise = self._example_noise(output)
        with torch.no_grad():
            distribution = self.distribution(output, noise)
        self._check_shape(distribution, output, y)

        encoded = self.encode(y, output)
        inside = distribution.support.check(encoded)
        if bool(inside.all()):
            return

        inside = inside.reshape(len(y), -1).all(-1)  # (N,)
        index = int((~inside).nonzero()[0])
        raise ValueError(
            f"target {index} is {y[index].tolist()}, outside the support of {self!r}; targets "
            f"must be {self._describe_target(distribution)}"
        )

    def _check_shape(
        self, distribution: TorchDistributionMixin, output: Tensor, y: Tensor
    ) -> None:
        shape = tuple(y.shape)
        expected = tuple(distribution.batch_shape)
        if shape == expected:
            return

        message = (
            f"targets have shape {shape}, but with outputs of shape {tuple(output.shape)} "
            f"{self!r} needs {expected}"
        )
        if y.numel() == distribution.batch_shape.numel():
            message += f"; write y.reshape({expected})"
        raise ValueError(message)

    def _describe_target(self, distribution: TorchDistributionMixin) -> str:
        """Return what a target is, in words, for error messages: `target` by default."""
        return self.target

    def _example_noise(self, like: Tensor) -> dict[str, Tensor]:
        """Draw the noise once from its prior, invisible to Pyro's handlers."""
        with pyro.poutine.block():
            priors = self.priors(like)
            return {name: prior.sample() for name, prior in priors.items()}

    def split(self, distribution: TorchDistributionMixin) -> tuple[Tensor, Tensor]:
        r"""Split the predictive uncertainty into epistemic and aleatoric uncertainty.

        .. math:: \text{Var}[y] = \text{Var}_w E[y | w] + E_w \text{Var}[y | w]

        For regression both are variances. For classification they are the mutual
        information and the expected entropy, in nats.

        References:
            Decomposition of Uncertainty in Bayesian Deep Learning (Depeweg et al., 2018)

        Arguments:
            distribution: p(y | f) for S draws of the weights, with batch shape (S, N,
                ...).

        Returns:
            Epistemic and aleatoric uncertainty, (N, ...) each.
        """
        epistemic = distribution.mean.var(0, correction=0)
        aleatoric = distribution.variance.mean(0)
        return epistemic, aleatoric

    def uncertainty(self, distribution: TorchDistributionMixin) -> Tensor:
        """Return the predictive uncertainty of each target, (N, ...): the standard deviation.

        It is what `mean, uncertainty = posterior.predict(x)` gives.

        Arguments:
            distribution: p(y | f) for S draws of the weights, with batch shape (S, N,
                ...).
        """
        epistemic, aleatoric = self.split(distribution)
        return (epistemic + aleatoric).sqrt()

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"
