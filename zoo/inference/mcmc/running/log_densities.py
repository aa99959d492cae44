"""What a long run says of its draws before it ends: acceptance, divergences, a quick R-hat."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.inference.mcmc.kernels.draws import TransitionInfo


class LogDensities:
    r"""Sums over all draws of each chain, from which the means of the chains are compared.

    .. math:: \hat R = \sqrt{\frac{n-1}{n} + \frac{\operatorname{var}_c \bar\ell_c}
        {\operatorname{mean}_c s_c^2}}

    for the log density ℓ, with the mean and the variance of each chain. Chains are not split
    and values not ranked, unlike in `zoo.convergence`: this one only needs sums.

    `state` holds (C,) tensors. It is empty before the first draw.

    References:
        Inference from Iterative Simulation Using Multiple Sequences (Gelman, Rubin, 1992)
    """

    def __init__(self) -> None:
        self.state: dict[str, Tensor] = {}

    def add(self, info: TransitionInfo) -> None:
        """Add the statistics (C, S) of draws."""
        if info.lp.shape[1] == 0:
            return

        values = info.lp.double()  # (C, S)
        zeros = torch.zeros_like(values[:, 0])
        names = ("count", "mean", "squares", "accepted", "diverging")
        before = self.state or dict.fromkeys(names, zeros)

        num_new = values.shape[1]
        count = before["count"] + num_new
        mean = values.mean(1)
        difference = mean - before["mean"]
        between = difference.square() * before["count"] * num_new / count
        squares = (values - mean[:, None]).square().sum(1)

        self.state = {
            "count": count,
            "mean": before["mean"] + difference * num_new / count,
            "squares": before["squares"] + squares + between,
            "accepted": before["accepted"] + info.acceptance_rate.double().sum(1),
            "diverging": before["diverging"] + info.diverging.double().sum(1),
        }

    def facts(self) -> dict[str, float | None]:
        """Return the acceptance, the number of divergences and R-hat; None before a draw."""
        if not self.state:
            return {
                "acceptance": None,
                "diverging": None,
                "rhat of log density": None,
            }

        share = self.state["accepted"] / self.state["count"]
        return {
            "acceptance": round(float(share.mean()), 4),
            "diverging": int(self.state["diverging"].sum()),
            "rhat of log density": self.rhat(),
        }

    def rhat(self) -> float | None:
        """Return R-hat; None for one chain, few draws, or chains that do not move."""
        count = float(self.state["count"][0]) if self.state else 0.0
        if count < 2 or len(self.state["mean"]) < 2:
            return None

        within = self.state["squares"].mean() / (count - 1)
        if not bool(within > 0):
            return None

        between = self.state["mean"].var()
        return round(float(((count - 1) / count + between / within).sqrt()), 4)
