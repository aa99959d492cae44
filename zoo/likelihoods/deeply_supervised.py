"""Categorical likelihood of a network whose hidden layers are told the class too while it learns."""

from __future__ import annotations

from collections.abc import Mapping

import pyro
import pyro.distributions as dist
from pyro import poutine
from torch import Tensor

from zoo.likelihoods.categorical import Categorical
from zoo.likelihoods.likelihood import PREFIX


class DeeplySupervised(Categorical):
    r"""One of O classes, from the first of several logits, of which the others only help to learn.

    .. math:: \log p(y = c | f) + \alpha \sum_m \log p(y = c | f_m)

    Outputs (N, 1 + M, O), which `networks.DSN` gives in training, are scored all;
    predictions are of the first, which is all that it gives in evaluation. Each label
    then counts more than once: what a fit maximises is no bound on the evidence of y,
    and `info.bound` says so. Laplace and samplers run networks in evaluation: to
    samplers this is `Categorical`, and Laplace refuses it.

    References:
        Deeply-Supervised Nets (Lee, Xie, Gallagher, Zhang, Tu, 2015), whose alpha falls in the course of training

    Arguments:
        weight: Weight alpha of each companion, 1 in the authors' code.

    Raises:
        ValueError: A weight that is not positive.

    Example:
        >>> network = networks.DSN(10, width=12)
        >>> prior = priors.WeightPrior(priors.fan_in())
        >>> model = zoo.BayesianNetwork(network, prior, likelihoods.DeeplySupervised(weight=0.3))
    """

    bound = False

    def __init__(self, weight: float = 1.0) -> None:
        if not 0 < weight < float("inf"):
            raise ValueError(
                f"weight multiplies what companions add and is positive, not {weight}; without any, build the network "
                "without companions and take likelihoods.Categorical()"
            )
        self.weight = weight

    def targets(
        self, output: Tensor, y: Tensor | None, noise: Mapping[str, Tensor]
    ) -> Tensor:
        """Sample or observe y from the first logits, and observe it from the others where there are any."""
        if output.dim() < 3:
            return super().targets(output, y, noise)
        own, others = output[:, 0], output[:, 1:]  # (B, O), (B, M, O)
        if y is not None:
            with poutine.scale(scale=self.weight):
                told = y.unsqueeze(1).expand(others.shape[:2])
                pyro.sample(
                    f"{PREFIX}companions",
                    dist.Categorical(logits=others).to_event(1),
                    obs=told,
                )
        return super().targets(own, y, noise)

    def __repr__(self) -> str:
        return f"DeeplySupervised(weight={self.weight:g})"
