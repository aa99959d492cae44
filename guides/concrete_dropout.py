"""Concrete dropout: dropout with learned rates and relaxed masks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor
from torch.nn.functional import softplus

from guides._base.averaged import Averaged
from guides._base.noise import uniform_noise
from guides._base.noisy_sites import noisy_sites, refuse_log_uniform
from guides._base.parameters import ByName
from guides._base.program import PyroModel
from guides._base.site import Site
from guides._lazy.masks import Masked, Noise
from guides.delta import Delta


class ConcreteDropout(Delta):
    r"""Dropout whose rate is learned for each weight tensor; masks are numbers between 0 and 1.

    .. math:: z_j = 1 - \text{sigmoid}\Big( \frac1t
        \big( \log\tfrac{p}{1 - p} + \log\tfrac{u_j}{1 - u_j} \big) \Big),
        \quad u_j \sim U(0, 1), \qquad
        \text{loss} = -E_q[\log p(y \mid W)] - E_q[\log p(W)] - \sum_l K_l H(p_l)

    There is one z per input unit or channel. K units have the entropy K H(p), with H(p) =
    -p log p - (1 - p) log(1 - p). This is the only part of the entropy of W that is kept,
    so the negative loss is no lower bound on the log evidence (`bound = False`).
    E_q[-log p(W)] is in closed form for normal priors; it is that of masks of zeros and
    ones, E[W²] = M²/(1-p). The data and M decrease p and the entropy increases it, so p
    falls as the number of data grows. Masks are relaxed in predictions as well, as in the
    paper's programs. The relaxation multiplies the variance of z by 1 - t: a tenth less
    at t = 0.1. Biases and other sites are point estimates.

    References:
        Concrete Dropout (Gal, Hron, Kendall, 2017)

    Arguments:
        model: A Pyro model.
        p: Initial probability of dropping a unit.
        temperature: t of the relaxation; masks go to zeros and ones as t goes to 0.
        layers: Shell-style patterns of the weights that are dropped, by their names or
            their layers'; all by default.
        example: Arguments to run the model with once. Models of zoo need none.

    Raises:
        ValueError: p outside (0, 1); a temperature outside (0, 1]; nothing to drop; a
            pattern that matches no weight; a discrete site; a log-uniform prior.

    Example:
        >>> {name: round(p, 4) for name, p in ConcreteDropout(model, p=0.2).rates().items()}
        {'layer1.weight': 0.2, 'layer2.weight': 0.2}
    """

    bound = False
    scale_parameters = ("logit.*",)

    def __init__(
        self,
        model: PyroModel,
        *,
        p: float = 0.1,
        temperature: float = 0.1,
        layers: str | Sequence[str] = "*",
        example: tuple[Any, ...] = (),
    ) -> None:
        super().__init__(model, example=example)
        if not 0 < p < 1:
            raise ValueError(f"p must be a probability above 0 and below 1, not {p}")

        if not 0 < temperature <= 1:
            raise ValueError(
                f"temperature must be above 0 and at most 1, not {temperature}"
            )

        self.temperature = temperature
        self.noisy = noisy_sites(self.sites, layers)
        refuse_log_uniform(self, self.noisy)
        init_logit = math.log(p / (1 - p))

        logits = {}
        for name in self.noisy:
            logits[name] = self.sites[name].init.new_tensor(init_logit)

        self.logit = ByName(logits)

    def rates(self) -> dict[str, float]:
        """Return the probability of dropping a unit, by site."""
        return {name: self.logit[name].sigmoid().item() for name in self.noisy}

    def distribution(self, site: Site) -> TorchDistributionMixin:
        """Return weights with relaxed masks, or a point mass."""
        if site.name not in self.noisy:
            return super().distribution(site)

        loc = self.loc[site.name]
        logit = self.logit[site.name]
        unit_entropy = softplus(logit) - logit * logit.sigmoid()  # H(p)
        entropy = loc.shape[1] * unit_entropy

        noise = _relaxed_bernoulli(logit, self.temperature)
        second_moment = 1 / (-logit).sigmoid()

        return Masked(loc, noise, second_moment, entropy)

    def averaged(self) -> Averaged:
        """Return the guide of one network with the mean weights: the weight scaling rule."""
        return Averaged(self)


def _relaxed_bernoulli(logit: Tensor, temperature: float) -> Noise:
    """Return noise near 0 with probability p = sigmoid(logit), else near 1 / (1 - p)."""

    def noise(shape: torch.Size) -> Tensor:
        logistic = uniform_noise(shape, logit).logit()
        relaxed = -(logit + logistic) / temperature
        kept = relaxed.sigmoid()
        mean = (-logit).sigmoid()

        return kept / mean

    return noise
