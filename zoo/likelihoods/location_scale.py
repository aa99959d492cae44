"""The base of likelihoods with noise of one family around the output, of a scale."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Literal

import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

from zoo.likelihoods.checks import check_names
from zoo.likelihoods.likelihood import PREFIX, Likelihood
from zoo.likelihoods.missing import check_missing
from zoo.likelihoods.observed import Observed
from zoo.runtime.caller import stack_level
from zoo.runtime.distributions import describe, to

_SCALE = f"{PREFIX}scale"


class LocationScale(Likelihood):
    r"""Regression: noise around the network's output, whose scale is fixed, random or given.

    .. math:: y = f(x) + \text{scale} \cdot \epsilon

    Arguments:
        scale: The scale of the noise in units of y: a positive number, a tensor (O,), a
            prior of shape () or (O,), or "given" if it is known of each datum.
        missing: "nan" if targets may be NaN, which are left out element by element.

    Attributes:
        scale_word: What the scale is in words, for error messages.

    Raises:
        ValueError: A scale that is not positive, or a prior that allows negative values.
    """

    target = "finite real numbers"
    scale_word = "scale"

    def __init__(
        self,
        scale: float | Tensor | TorchDistributionMixin | Literal["given"],
        missing: Literal["nan"] | None = None,
    ) -> None:
        check_missing(missing)
        if isinstance(scale, (list, tuple)) or hasattr(scale, "__array__"):
            scale = torch.as_tensor(scale)

        if isinstance(scale, str):
            _check_word(scale)
        elif isinstance(scale, TorchDistributionMixin):
            _check_prior(scale)
        else:
            self._check_scale(scale)

        self.scale = scale
        self.missing = missing
        self.given = ("scale",) if isinstance(scale, str) else ()

    def scale_of(self, output: Tensor, noise: Mapping[str, Tensor]) -> Tensor | float:
        """Return the scale of the noise, which broadcasts with the output.

        Arguments:
            output: The network's output.
            noise: Values of noise sites and known quantities by name.
        """
        scale = noise.get(_SCALE, self.scale)
        if isinstance(scale, str):
            check_names(self, self.given, {})

        return scale.to(output) if isinstance(scale, Tensor) else scale

    def functions(self, output: Tensor, noise: Mapping[str, Tensor]) -> Tensor:
        """Return E[y | f], which is the output, whatever the noise."""
        return output

    def priors(self, like: Tensor) -> dict[str, TorchDistributionMixin]:
        """Return the prior of the scale if it has one."""
        if not isinstance(self.scale, TorchDistributionMixin):
            return {}

        prior = to(self.scale, like)
        return {_SCALE: prior.to_event(len(prior.batch_shape))}

    def check_given(self, given: Mapping[str, Tensor] | None, output: Tensor) -> None:
        """Refuse scales that do not fit the output, or are not positive."""
        super().check_given(given, output)
        for value in (given or {}).values():
            aligned = self.known({"scale": value}, output)[_SCALE]
            sizes = zip(aligned.shape, output.shape, strict=False)
            fits = aligned.dim() == output.dim() and all(
                one in (1, other) for one, other in sizes
            )
            if not fits:
                raise ValueError(
                    f"the noise scale of each datum has shape {tuple(value.shape)}, which does "
                    f"not broadcast to that of the outputs, {tuple(output.shape)}"
                )

            if not bool((value > 0).all()):
                first = value.reshape(len(value), -1).amin(-1).argmin()
                raise ValueError(
                    f"the noise scale of each datum is a {self.scale_word} and must be positive, "
                    f"not {value[first].tolist()} in row {int(first)}"
                )

    def check(self, output: Tensor, y: Tensor | Observed) -> None:
        """Refuse a scale that does not fit the output, and targets that do not."""
        self._check_length(output)
        super().check(output, y)

    def _check_length(self, output: Tensor) -> None:
        """Refuse a scale of more than one value that has not one for each output."""
        shape: tuple[int, ...] = ()
        if isinstance(self.scale, Tensor):
            shape = tuple(self.scale.shape)
        elif isinstance(self.scale, TorchDistributionMixin):
            shape = tuple(self.scale.shape())

        num_outputs = output.shape[-1] if output.dim() > 1 else 1
        if shape not in ((), (1,), (num_outputs,)):
            raise ValueError(
                f"the noise scale has shape {shape}, but the network has {num_outputs} output(s) "
                f"for each datum; {self._remedy}"
            )

        is_ambiguous = shape == (len(output),) and isinstance(self.scale, Tensor)
        if is_ambiguous and len(output) > 1:
            name = type(self).__name__
            warnings.warn(
                f"there are as many outputs as data, {num_outputs}: the tensor of noise scales "
                f"has one for each output; write {name}(scale='given') for one of each datum",
                stacklevel=stack_level(),
            )

    def _check_scale(self, scale: float | Tensor) -> None:
        """Refuse a fixed scale that is no positive number or tensor (O,)."""
        if not isinstance(scale, (int, float, Tensor)) or isinstance(scale, bool):
            raise TypeError(
                f"scale must be a number, a tensor (O,), a prior or 'given', not {scale!r}"
            )

        if isinstance(scale, Tensor) and scale.dim() > 1:
            shape = tuple(scale.shape)
            raise ValueError(f"the noise scale has shape {shape}; {self._remedy}")

        positive = torch.as_tensor(scale > 0)
        if not bool(positive.all()):
            raise ValueError(
                f"the noise scale is a {self.scale_word} and must be positive, not {scale}"
            )

    @property
    def _remedy(self) -> str:
        """What to write instead of a scale of a wrong shape."""
        return (
            "write a number, or a tensor (O,) with one scale for each output; for one scale for "
            f"each datum write {type(self).__name__}(scale='given') and fit(data, scale=sigma)"
        )

    def __repr__(self) -> str:
        scale = self.scale
        text = repr(scale) if isinstance(scale, str) else str(scale)
        if isinstance(scale, TorchDistributionMixin):
            text = describe(scale)

        missing = f", missing={self.missing!r}" if self.missing else ""
        return f"{type(self).__name__}(scale={text}{missing})"


def _check_word(scale: str) -> None:
    if scale != "given":
        raise ValueError(
            f"scale must be a number, a tensor (O,), a prior or 'given', not {scale!r}"
        )


def _check_prior(prior: TorchDistributionMixin) -> None:
    support = prior.support
    if hasattr(support, "base_constraint"):
        support = support.base_constraint

    lower_bound = getattr(support, "lower_bound", -1)
    if lower_bound < 0:
        raise ValueError(
            f"the prior of the noise scale, {describe(prior)}, allows negative values; use a "
            "positive one, e.g. dist.HalfNormal(1.0)"
        )
