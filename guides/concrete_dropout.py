"""Concrete dropout: dropout whose rates are learned, through masks that are nearly zeros and ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor
from torch.nn.functional import softplus

from guides._base.averaged import Averaged
from guides._base.parameters import ByName
from guides._base.site import Site
from guides._lazy.masks import Masked, Noise, noisy_sites, refuse_log_uniform
from guides.delta import Delta


class ConcreteDropout(Delta):
    r"""Dropout with a learned rate for each weight: W = M ∘ z / (1 - p), z relaxed to numbers between 0 and 1.

    .. math:: z_j = 1 - \text{sigmoid}\Big( \frac1t \big( \log\tfrac{p}{1 - p} + \log\tfrac{u_j}{1 - u_j} \big) \Big),
        \quad u_j \sim U(0, 1), \qquad
        \text{loss} = -E_q[\log p(y \mid W)] - E_q[\log p(W)] - \sum_l K_l H(p_l)

    One z per input unit or channel; K units have the entropy K H(p), H(p) = -p log p -
    (1 - p) log(1 - p), the only part of the entropy of W that is kept, so the loss
    bounds nothing (`bound = False`). E_q[-log p(W)] is in closed form for normal
    priors, that of zeros and ones: E[W²] = M²/(1-p). Data and M pull p down and the
    entropy pulls it up, so p falls as data come in. Masks are relaxed in predictions as
    well, as in the paper's programs. The variance of z is 1 - t times that of a mask of
    zeros and ones: a tenth less at t = 0.1. Biases and other sites are points.

    References:
        Concrete Dropout (Gal, Hron, Kendall, 2017)

    Arguments:
        model: A Pyro model.
        p: Probability of dropping a unit at the start.
        temperature: t, how far the masks are from zeros and ones.
        layers: Shell-style patterns of the weights that are dropped, by their names or
            their layers'; all by default.
        example: Arguments to run the model with once; the zoo's models need none.

    Raises:
        ValueError: p outside (0, 1); a temperature outside (0, 1]; nothing to drop; a
            pattern that matches no weight; a discrete site; a log-uniform prior.

    Example:
        >>> {name: round(p, 4) for name, p in ConcreteDropout(model, p=0.2).rates().items()}
        {'layer1.weight': 0.2, 'layer2.weight': 0.2}
    """

    bound = False

    def __init__(
        self,
        model: Callable[..., object],
        *,
        p: float = 0.1,
        temperature: float = 0.1,
        layers: str | Sequence[str] = "*",
        example: tuple = (),
    ) -> None:
        super().__init__(model, example=example)
        if not 0 < p < 1:
            raise ValueError(
                f"p is a probability that is learned, above 0 and below 1, not {p}"
            )
        if not 0 < temperature <= 1:
            raise ValueError(f"temperature is above 0 and at most 1, not {temperature}")
        self.temperature = temperature
        init = math.log(p / (1 - p))
        noisy = noisy_sites(self.sites, layers)
        refuse_log_uniform(self.sites, noisy, self)
        self.logit = ByName(
            {name: self.sites[name].init.new_tensor(init) for name in noisy}
        )
        self.noisy = noisy

    def rates(self) -> dict[str, float]:
        """Return the probability of dropping a unit, by site."""
        return {name: self.logit[name].sigmoid().item() for name in self.noisy}

    def distribution(self, site: Site) -> TorchDistributionMixin:
        """Return weights with relaxed masks, or a point mass."""
        if site.name not in self.noisy:
            return super().distribution(site)
        loc, logit = self.loc[site.name], self.logit[site.name]
        entropy = loc.shape[1] * (softplus(logit) - logit * logit.sigmoid())  # K H(p)
        return Masked(
            loc, concrete(logit, self.temperature), 1 / (-logit).sigmoid(), entropy
        )

    def averaged(self) -> Averaged:
        """Return the guide of one deterministic network, the weights' means: the weight scaling rule."""
        return Averaged(self)


def concrete(logit: Tensor, temperature: float) -> Noise:
    """Return noise that is nearly 0 with probability p = sigmoid(logit), else nearly 1 / (1 - p)."""

    def noise(shape: torch.Size) -> Tensor:
        logistic = torch.rand(shape, dtype=logit.dtype, device=logit.device).logit()
        return (-(logit + logistic) / temperature).sigmoid() / (-logit).sigmoid()

    return noise
