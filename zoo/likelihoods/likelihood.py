"""The base of all likelihoods: the plate of the data, noise sites, checks, uncertainty."""

from __future__ import annotations

from collections.abc import Mapping

import pyro
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

from zoo.likelihoods.checks import check_shape
from zoo.likelihoods.missing import counted, left_out
from zoo.likelihoods.observed import PREFIX, Observed
from zoo.likelihoods.targets import Targets
from zoo.runtime.distributions import median


def is_noise_site(name: str) -> bool:
    """Return whether a site is of the likelihood, e.g. the noise scale."""
    return name.startswith(PREFIX)


class Likelihood(Targets):
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
        is_weighted: Whether a fit multiplies some log densities by weights of their own.
        given: Names of what must be known of each datum, such as the noise scale; see
            `Observed`. `distribution` finds it in `noise` under "likelihood:NAME".
        missing: "nan" if targets may be NaN, which are left out; None refuses them.

    Example:
        >>> class Laplace(Likelihood):
        ...     target = "finite real numbers"
        ...
        ...     def distribution(self, output, noise):
        ...         return dist.Laplace(output, 0.1)
        >>> Laplace().distribution(torch.zeros(8, 1), {}).batch_shape
        torch.Size([8, 1])
    """

    bound: bool = True
    is_weighted: bool = False

    def distribution(
        self, output: Tensor, noise: Mapping[str, Tensor]
    ) -> TorchDistributionMixin:
        """Return p(y | f) for each datum.

        Arguments:
            output: The network's output, (*, N, O). Draws may come first, (S, N, O).
            noise: Values of the sites of `priors`, and of the known quantities of `given`,
                by name; empty if there are none.

        Returns:
            A distribution whose batch shape, followed by its event shape, is the shape of
            y, (*, N, ...). N is in the batch shape.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no method distribution(output, noise); "
            "define it, e.g. return dist.Laplace(output, 0.1)"
        )

    def sample(self, like: Tensor) -> dict[str, Tensor]:
        """Draw the likelihood's own sites by `pyro.sample`; fits begin at their medians."""
        values = {}
        for name, prior in self.priors(like).items():
            init = median(prior)
            infer = {} if init is None else {"init": init}
            values[name] = pyro.sample(name, prior, infer=infer)
        return values

    def observe(
        self,
        output: Tensor,
        y: Tensor | Observed | None,
        noise: Mapping[str, Tensor],
        num_data: int | None = None,
    ) -> Tensor:
        """Sample or observe y in the plate of the data, which scales the log density by N / B.

        Arguments:
            output: The network's output for the batch, (B, O).
            y: Targets (B, ...) to observe, or `Observed` with a weight or known
                quantities for each datum; None samples them.
            noise: Values of the sites of `priors` by name.
            num_data: Size N of the whole data; B by default.

        Returns:
            The targets (B, ...).
        """
        observed = Observed.of(y)
        output = self.arranged(output)
        batch = len(output)
        noise = {**noise, **self.known(observed.given, output)}

        size = num_data or batch
        subsample = torch.arange(batch, device=output.device)
        plate = pyro.plate(f"{PREFIX}data", size=size, subsample=subsample, dim=-1)
        with plate, observed.weighting(output):
            if observed.y is None:
                return self.targets(output, None, noise)

            counts = counted(observed, self.is_observed(observed.y))
            encoded = self.encode(observed.y, output)
            return self.targets(output, encoded, noise, counts)

    def targets(
        self,
        output: Tensor,
        y: Tensor | None,
        noise: Mapping[str, Tensor],
        counts: Tensor | None = None,
    ) -> Tensor:
        """Sample or observe y by `pyro.sample`; `observe` calls this in the plate of the data.

        Arguments:
            output: The network's output for the batch, (B, O).
            y: Targets (B, ...) as the density needs them; None samples them.
            noise: Values of noise sites and known quantities by name.
            counts: Which elements of the targets count, (B, ...); None for all.
        """
        distribution = self.as_observed(self.distribution(output, noise))
        event_dim = len(distribution.batch_shape) - 1
        if y is not None:
            distribution = self.as_fitted(distribution)
            _check_dimensions(self, distribution, output, y)
            distribution, y = left_out(distribution, y, counts)

        return pyro.sample(f"{PREFIX}y", distribution.to_event(event_dim), obs=y)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def _check_dimensions(
    likelihood: Likelihood,
    distribution: TorchDistributionMixin,
    output: Tensor,
    y: Tensor,
) -> None:
    """Refuse targets of another shape than those that were checked."""
    expected = distribution.batch_shape + distribution.event_shape
    if y.dim() != len(expected):
        raise ValueError(
            f"in training the network gives outputs of shape {tuple(output.shape)}, which do "
            f"not fit targets of shape {tuple(y.shape)} under {likelihood!r}; for networks.DSN "
            "use likelihoods.DeeplySupervised(), or build it with companions=False"
        )

    check_shape(likelihood, output, y, expected)
