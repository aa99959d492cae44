"""The base of all likelihoods: the plate of the data, noise sites, checks, uncertainty."""

from __future__ import annotations

from collections.abc import Mapping

import pyro
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

from zoo.likelihoods.checks import (
    check_finite,
    check_known,
    check_names,
    check_shape,
    check_weights,
    first_outside,
)
from zoo.likelihoods.missing import counted, left_out, takes_nan
from zoo.likelihoods.moments import Uncertainty
from zoo.likelihoods.observed import Observed

PREFIX = "likelihood:"  # of sites; a parameter of a network cannot have such a name


def is_noise_site(name: str) -> bool:
    """Return whether a site is of the likelihood, e.g. the noise scale."""
    return name.startswith(PREFIX)


class Likelihood(Uncertainty):
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

    target: str = "values"
    bound: bool = True
    given: tuple[str, ...] = ()
    missing: str | None = None

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
        distribution = self.distribution(output, noise)
        event_dim = len(distribution.batch_shape) - 1
        if y is not None:
            self._check_dimensions(distribution, output, y)
            distribution, y = left_out(distribution, y, counts)

        return pyro.sample(f"{PREFIX}y", distribution.to_event(event_dim), obs=y)

    def arranged(self, output: Tensor, batch_dim: int = 0) -> Tensor:
        """Return the network's output as `distribution` takes it, by default as it is.

        Arguments:
            output: The output (N, ...), or (S, N, ...) for draws.
            batch_dim: The dimension of the data, 1 if draws come first.
        """
        return output

    def encode(self, y: Tensor, like: Tensor) -> Tensor:
        """Return targets in the dtype that the density needs: that of the output by default."""
        return y.to(like.dtype)

    def is_observed(self, y: Tensor) -> Tensor | None:
        """Return which elements of the targets are not missing, (N, ...); None for all."""
        return ~y.isnan() if self.missing == "nan" else None

    def known(
        self, given: Mapping[str, Tensor] | None, output: Tensor
    ) -> dict[str, Tensor]:
        """Return known quantities as noise: site name -> values that broadcast with the output.

        Arguments:
            given: Known quantities (N, ...) by name.
            output: The network's output, (N, O).

        Raises:
            ValueError: Not those of `given`; the message names the missing one.
        """
        check_names(self, self.given, given or {})

        noise = {}
        for name, value in (given or {}).items():
            noise[f"{PREFIX}{name}"] = _aligned(value, output)

        return noise

    def check_given(self, given: Mapping[str, Tensor] | None, output: Tensor) -> None:
        """Refuse known quantities that do not fit the output.

        Arguments:
            given: Known quantities (N, ...) by name.
            output: The network's output, (N, O).

        Raises:
            ValueError: A missing one, another number of rows, values that are not finite.
        """
        check_names(self, self.given, given or {})
        for name, value in (given or {}).items():
            check_known(name, value, len(output))

    def check(self, output: Tensor, y: Tensor | Observed) -> None:
        """Refuse targets that do not fit the output or the support.

        Arguments:
            output: The network's output, (N, O).
            y: Targets, (N, ...), or `Observed`.

        Raises:
            ValueError: A wrong shape, a value that is not finite, or a target outside the
                support; weights or known quantities that do not fit. The message names
                the target and what to write instead.
        """
        observed = Observed.of(y)
        check_weights(observed.weights, len(output))
        self.check_given(observed.given, output)
        if observed.y is None:
            raise ValueError("the targets are missing; give y in the data (x, y)")

        distribution = self._example(output, self.known(observed.given, output))
        expected = distribution.batch_shape + distribution.event_shape
        check_shape(self, output, observed.y, expected)
        self._check_values(distribution, output, observed)

    def _check_values(
        self, distribution: TorchDistributionMixin, output: Tensor, observed: Observed
    ) -> None:
        """Refuse targets that are not finite, or outside the support."""
        y = observed.y
        assert y is not None
        encoded = self.encode(y, output)
        counts = counted(observed, self.is_observed(y))
        if counts is None and takes_nan(distribution, encoded):
            counts = ~y.isnan()

        check_finite(self, y, counts)
        index = first_outside(distribution, encoded, counts)
        if index is None:
            return

        raise ValueError(
            f"target {index} is {y[index].tolist()}, outside the support of {self!r}; targets "
            f"must be {self._describe_target(distribution)}"
        )

    def _check_dimensions(
        self, distribution: TorchDistributionMixin, output: Tensor, y: Tensor
    ) -> None:
        """Refuse targets of another number of dimensions than those that were checked."""
        if y.dim() != len(distribution.batch_shape) + len(distribution.event_shape):
            raise ValueError(
                f"in training the network gives outputs of shape {tuple(output.shape)}, which do "
                f"not fit targets of shape {tuple(y.shape)} under {self!r}; for networks.DSN use "
                "likelihoods.DeeplySupervised(), or build it with companions=False"
            )

    def _describe_target(self, distribution: TorchDistributionMixin) -> str:
        """Return what a target is, in words, for error messages: `target` by default."""
        return self.target

    def _example(
        self, output: Tensor, known: Mapping[str, Tensor]
    ) -> TorchDistributionMixin:
        """Return the distribution at one draw of the noise, invisible to Pyro's handlers."""
        noise = dict(known)
        with pyro.poutine.block(), torch.no_grad():
            for name, prior in self.priors(output).items():
                noise[name] = prior.sample()

            return self.distribution(output, noise)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def _aligned(value: Tensor, output: Tensor) -> Tensor:
    """Return values (N, ...) with as many dimensions as an output, and its device and dtype."""
    num_missing = output.dim() - value.dim()
    if num_missing >= 0:
        value = value.reshape(*value.shape, *[1] * num_missing)
    elif value.shape[num_missing:].numel() == 1:
        value = value.reshape(value.shape[:num_missing])

    return value.to(output)
