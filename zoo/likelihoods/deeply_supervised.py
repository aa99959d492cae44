"""Categorical likelihood of a network whose hidden layers give logits too in training."""

from __future__ import annotations

from collections.abc import Mapping

import pyro
import pyro.distributions as dist
from pyro import poutine
from torch import Tensor

from zoo.likelihoods.categorical import Categorical
from zoo.likelihoods.likelihood import PREFIX
from zoo.likelihoods.missing import left_out


class DeeplySupervised(Categorical):
    r"""Classification with the first of several logit vectors; the others serve training only.

    .. math:: \log p(y = c | f) + \alpha \sum_m \log p(y = c | f_m)

    In training `networks.DSN` gives outputs (N, 1 + M, O): its own logits and those of M
    companions. All of them are observed. In evaluation it gives its own logits, which
    are used for predictions.

    Each label is observed more than once, so that the objective of a fit is no bound on
    the evidence of y, and `info.bound` is False. Laplace and samplers run the network in
    evaluation: for samplers this likelihood is `Categorical`, and Laplace refuses it.

    References:
        Deeply-Supervised Nets (Lee, Xie, Gallagher, Zhang, Tu, 2015), whose alpha decreases
        during training

    Arguments:
        weight: Weight alpha of each companion, 1 in the authors' code.

    Raises:
        ValueError: A weight that is not positive and finite.

    Example:
        >>> network = networks.DSN(10, width=12)
        >>> prior = priors.WeightPrior(priors.fan_in())
        >>> likelihood = likelihoods.DeeplySupervised(weight=0.3)
        >>> model = zoo.BayesianNetwork(network, prior, likelihood)
    """

    bound = False

    def __init__(self, weight: float = 1.0) -> None:
        if not 0 < weight < float("inf"):
            raise ValueError(
                "weight multiplies the log density of the companions and must be positive and "
                f"finite, not {weight}; for no companions, write networks.DSN(companions=False) "
                "with likelihoods.Categorical()"
            )
        super().__init__()
        self.weight = weight

    def targets(
        self,
        output: Tensor,
        y: Tensor | None,
        noise: Mapping[str, Tensor],
        counts: Tensor | None = None,
    ) -> Tensor:
        """Sample or observe y from the first logits, and observe it from the companions too."""
        has_companions = output.dim() > 2
        if not has_companions:
            return super().targets(output, y, noise, counts)

        own = output[:, 0]  # (B, O)
        companions = output[:, 1:]  # (B, M, O)
        if y is not None:
            each = dist.Categorical(logits=companions)
            labels = y.unsqueeze(1).expand(each.batch_shape)  # (B, M)
            if counts is not None:
                counts_each = counts.unsqueeze(1).expand(each.batch_shape)
                each, labels = left_out(each, labels, counts_each)
            with poutine.scale(scale=self.weight):
                pyro.sample(f"{PREFIX}companions", each.to_event(1), obs=labels)

        return super().targets(own, y, noise, counts)

    def __repr__(self) -> str:
        return f"DeeplySupervised(weight={self.weight:g})"
