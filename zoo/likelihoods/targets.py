"""What a likelihood takes as targets: their coding, what must be known of them, their checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import pyro
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

from zoo.likelihoods.checks import (
    check_distribution,
    check_finite,
    check_known,
    check_names,
    check_shape,
    check_weights,
    first_outside,
)
from zoo.likelihoods.missing import counted, counted_only, takes_nan
from zoo.likelihoods.moments import Uncertainty
from zoo.likelihoods.observed import PREFIX, Observed


class Targets(Uncertainty):
    """The part of a likelihood that says what its targets are, and refuses others.

    Attributes:
        target: What a target is, in words, for error messages, e.g. "finite real
            numbers".
        given: Names of what must be known of each datum, such as the noise scale; see
            `Observed`. `distribution` finds it in `noise` under "likelihood:NAME".
        missing: "nan" if targets may be NaN, which are left out; None refuses them.
    """

    target: str = "values"
    given: tuple[str, ...] = ()
    missing: str | None = None

    def priors(self, like: Tensor) -> dict[str, TorchDistributionMixin]:
        """Return the priors of the likelihood's own sites by name, e.g. of the noise scale.

        Arguments:
            like: A tensor of the device and dtype that the priors must have.

        Returns:
            Distributions by site name; a name starts with "likelihood:". Empty by
            default.
        """
        return {}

    def arranged(self, output: Tensor, batch_dim: int = 0) -> Tensor:
        """Return the network's output as `distribution` takes it, by default as it is.

        Arguments:
            output: The output (N, ...), or (S, N, ...) for draws.
            batch_dim: The dimension of the data, 1 if draws come first.
        """
        return output

    def as_observed(
        self, distribution: TorchDistributionMixin
    ) -> TorchDistributionMixin:
        """Return the distribution of what is observed, by default the predicted one.

        They differ if the observation hides something, e.g. of a time that is censored.
        """
        return distribution

    def as_fitted(self, distribution: TorchDistributionMixin) -> TorchDistributionMixin:
        """Return the distribution whose log density a fit sums, by default the same.

        They differ if the posterior is a generalised one, e.g. with weights of classes.
        """
        return distribution

    def check_units(self) -> None:
        """Refuse other units of targets, where an affine map of them has no meaning.

        Raises:
            ValueError: Targets of several kinds.
        """

    def for_data(self, output: Tensor, y: Tensor | Observed) -> Self:
        """Return the likelihood with what the shapes of data decide, by default itself.

        Arguments:
            output: The network's output, (N, ...).
            y: Targets, (N, ...).
        """
        return self

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
        if observed.y.is_complex():
            raise ValueError(
                "the targets are complex; write torch.view_as_real(y), with two outputs for each"
            )

        output = self.arranged(output)
        known = self.known(observed.given, output)
        distribution = self.as_observed(self._example(output, known))
        check_distribution(self, distribution, len(output))
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
            f"must be {self._describe_target(distribution, counted_only(y, counts))}"
        )

    def _describe_target(self, distribution: TorchDistributionMixin, y: Tensor) -> str:
        """Return what a target is, and what to write: `target` by default.

        Arguments:
            distribution: The distribution of targets.
            y: The elements of the targets that count, in one dimension.
        """
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


def _aligned(value: Tensor, output: Tensor) -> Tensor:
    """Return values (N, ...) with as many dimensions as an output, and its device and dtype."""
    num_missing = output.dim() - value.dim()
    if num_missing >= 0:
        value = value.reshape(*value.shape, *[1] * num_missing)
    elif value.shape[num_missing:].numel() == 1:
        value = value.reshape(value.shape[:num_missing])

    return value.to(output)
