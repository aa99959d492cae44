"""Functional regularisation: some data have a target, and others an earlier output."""

from __future__ import annotations

from collections.abc import Mapping

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

from zoo.likelihoods.likelihood import Likelihood
from zoo.likelihoods.observed import PREFIX

_RECALLED = f"{PREFIX}recalled"


class Recalled(Likelihood):
    r"""Functional regularisation: outputs at some inputs stay near those of an earlier network.

    .. math:: \log p(w \mid D) = \log p(w) + \sum_i \log p(y_i \mid f(x_i))
        + \sum_j \log N(g_j \mid f(x_j), \text{scale}^2) + \text{const}

    `fit(data, recalled=g)` takes an earlier output for each datum, (N, M), and NaN for the
    data that have a target instead. Where there is an earlier output the target is not
    used. The first M outputs are compared. Predictions are those of the likelihood of the
    targets. Earlier outputs are no data, so that the objective is no bound on the evidence
    of y, and `info.bound` is False.

    References:
        Task-agnostic Continual Learning with Hybrid Probabilistic Models (Kirichenko,
        Farajtabar, Rao, Lakshminarayanan, Levine, Li, Hu, Wilson, Pascanu, 2021), where
        1 / (2 scale²) is the weight of the regulariser
        Functional Regularisation for Continual Learning with Gaussian Processes (Titsias,
        Schwarz, Matthews, Pascanu, Teh, 2020)

    Arguments:
        likelihood: The likelihood of the targets.
        scale: Standard deviation of an output around the earlier one, in its units.

    Raises:
        ValueError: A scale that is not positive, or a likelihood that itself asks for
            quantities of each datum.

    Example:
        >>> Recalled(likelihoods.Categorical(), scale=0.1)
        Recalled(Categorical(), scale=0.1)
    """

    bound = False
    given = ("recalled",)

    def __init__(self, likelihood: Likelihood, scale: float) -> None:
        if not 0 < scale < float("inf"):
            raise ValueError(
                f"scale must be a positive number, the standard deviation of outputs around the "
                f"earlier ones, not {scale}"
            )
        if likelihood.given:
            raise ValueError(
                f"{likelihood!r} asks for {', '.join(likelihood.given)} of each datum, which "
                "Recalled does not pass on; write a likelihood without"
            )
        self.likelihood = likelihood
        self.scale = scale
        self.discrete = likelihood.discrete
        self.target = likelihood.target
        self.missing = likelihood.missing

    def distribution(
        self, output: Tensor, noise: Mapping[str, Tensor]
    ) -> TorchDistributionMixin:
        """Return the distribution of a target."""
        return self.likelihood.distribution(output, noise)

    def priors(self, like: Tensor) -> dict[str, TorchDistributionMixin]:
        """Return the priors of the sites of the likelihood of the targets."""
        return self.likelihood.priors(like)

    def encode(self, y: Tensor, like: Tensor) -> Tensor:
        """Return targets in the dtype that their density needs."""
        return self.likelihood.encode(y, like)

    def is_observed(self, y: Tensor) -> Tensor | None:
        """Return which targets are not missing."""
        return self.likelihood.is_observed(y)

    def known(
        self, given: Mapping[str, Tensor] | None, output: Tensor
    ) -> dict[str, Tensor]:
        """Return the earlier outputs, if there are any: a prediction needs none."""
        if not given:
            return {}

        return {_RECALLED: given["recalled"].to(output)}

    def check_given(self, given: Mapping[str, Tensor] | None, output: Tensor) -> None:
        """Refuse earlier outputs of another shape."""
        recalled = (given or {}).get("recalled")
        if recalled is None:
            return

        most = output.shape[-1]
        fits = recalled.dim() == 2 and len(recalled) == len(output)
        if not (fits and 1 <= recalled.shape[-1] <= most):
            raise ValueError(
                f"recalled has shape {tuple(recalled.shape)}, but there are {len(output)} data "
                f"with {most} outputs; write (N, M) with M <= {most}, NaN where there is none"
            )

    def targets(
        self,
        output: Tensor,
        y: Tensor | None,
        noise: Mapping[str, Tensor],
        counts: Tensor | None = None,
    ) -> Tensor:
        """Observe the earlier outputs that there are, and the other targets."""
        recalled = noise.get(_RECALLED)
        if y is None or recalled is None:
            return self.likelihood.targets(output, y, noise, counts)

        is_recalled = ~recalled.isnan().any(-1)  # (B,)
        earlier = torch.nan_to_num(recalled)
        near = dist.Normal(output[:, : recalled.shape[-1]], self.scale).to_event(1)
        pyro.sample(_RECALLED, near.mask(is_recalled), obs=earlier)

        has_target = ~is_recalled.reshape(-1, *[1] * (y.dim() - 1)).expand(y.shape)
        counts = has_target if counts is None else counts & has_target

        return self.likelihood.targets(output, y, noise, counts)

    def __repr__(self) -> str:
        return f"Recalled({self.likelihood!r}, scale={self.scale:g})"
