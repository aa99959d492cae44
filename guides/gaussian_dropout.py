"""Gaussian dropout: weights times normal noise of mean one, whose variance is fixed or learned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

from guides._base.noisy_sites import noisy_sites
from guides._base.parameters import ByName, inverse_positive, positive, selected
from guides._base.program import PyroModel
from guides._base.site import Site
from guides._lazy.masks import columns
from guides._lazy.noisy_weights import NoisyNormal, noisy_units
from guides.local_reparam import LocalReparam

_Learned = Literal["layer", "unit", "weight"]  # what has a variance of its own
# What can have a learned variance, by what has noise of its own.
_LEARNED = {
    "unit": (None, "layer", "unit"),
    "weight": (None, "layer", "unit", "weight"),
}


class GaussianDropout(LocalReparam):
    r"""Variational dropout: weights times normal noise, whose variance α is fixed or learned.

    .. math:: W_{ij} \sim N(M_{ij}, \alpha M_{ij}^2) \qquad\text{or}\qquad
        W_{ij} = M_{ij} \big( 1 + \sqrt{\alpha_j} \, \epsilon_j \big), \qquad
        \alpha = \frac{p}{1 - p} < 1

    With `noise="unit"` the weights of an input unit or channel share their noise, and each
    example has its own: dropout with normal masks. This distribution has no density over
    weights. Under a proper prior the loss keeps E_q[-log p(W)] and the entropy of the
    noise, ½ log(2πeα_j) per unit. Under a log-uniform prior it keeps the paper's
    divergence per unit. Neither gives a bound.

    With `noise="weight"` every weight has noise of its own, drawn at a layer's output as
    in `LocalReparam`. Under `priors.LogUniform()` the divergence is the paper's polynomial
    in α, within 0.04 nats per weight, and there is no bound. Under a proper prior the
    weights are ordinary normals and the negative loss is a bound. But the divergence has a
    pole at M = 0, where the noise is zero, so every weight keeps its initial sign: begin
    with a trained network in that case.

    Sites without such noise (biases, bounded sites, other layers) are as in
    `LocalReparam`. α stays below 1, as in the paper, since its polynomial holds there.

    References:
        Variational Dropout and the Local Reparameterization Trick
        (Kingma, Salimans, Welling, 2015)

    Arguments:
        model: A Pyro model.
        p: The dropout rate whose noise has the same variance, α = p / (1 - p); below a
            half. It is the initial rate if α is learned.
        noise: What has noise of its own: "unit" for the input units and channels, or
            "weight".
        learn: What has a learned α: None, "layer", "unit" (the inputs of a layer), or
            "weight".
        layers: Shell-style patterns of the weights with noise, by their names or their
            layers'; all by default.
        init_scale: Initial standard deviation of the sites without such noise.
        max_scale: Ceiling of the standard deviations of normals, none by default.
        example: Arguments to run the model with once. Models of zoo need none.

    Raises:
        ValueError: p outside (0, 1/2); unknown `noise` or `learn`, or α per weight for
            the noise of units; no weight in the model; a pattern that matches none; a
            discrete site.

    Example:
        >>> guide = GaussianDropout(model, p=0.2, learn="layer")
        >>> {name: round(alpha.item(), 4) for name, alpha in guide.alpha().items()}
        {'layer1.weight': 0.25, 'layer2.weight': 0.25}
    """

    scale_parameters = ("rho.*", "raw_alpha.*")

    def __init__(
        self,
        model: PyroModel,
        *,
        p: float = 0.1,
        noise: Literal["unit", "weight"] = "unit",
        learn: _Learned | None = None,
        layers: str | Sequence[str] = "*",
        init_scale: float = 0.05,
        max_scale: float | None = None,
        example: tuple[Any, ...] = (),
    ) -> None:
        super().__init__(
            model, init_scale=init_scale, max_scale=max_scale, example=example
        )
        _check(p, noise, learn)
        self.noise = noise
        self.learn = learn
        self.init_alpha = p / (1 - p)
        self.noisy = noisy_sites(self.sites, layers)
        others = [name for name in self.sites if name not in self.noisy]
        self.rho = selected(self.rho, others)

        raw_alpha = {}
        if learn is not None:
            for name in self.noisy:
                raw_alpha[name] = self._initial_raw_alpha(name, learn)

        self.raw_alpha = ByName(raw_alpha)
        if noise == "unit":
            self.bound = False
            self.has_density = False

    def alpha(self) -> dict[str, Tensor]:
        """Return α by site: () for a layer, (1, I, 1, ...) for units, or one for each weight."""
        return {name: self._site_alpha(name) for name in self.noisy}

    def scale(self, name: str) -> Tensor:
        """Return the standard deviations of a site, in unconstrained space."""
        if name not in self.noisy:
            return super().scale(name)

        variance = self._site_alpha(name) * self.loc[name].square()
        # A weight of zero has no noise, and the square root has no gradient at 0.
        scale = (variance + 1e-16).sqrt()

        if self.max_scale is None:
            return scale

        return scale.clamp_max(self.max_scale)

    def distribution(self, site: Site) -> TorchDistributionMixin:
        """Return the normal of a site, or weights whose units have noise."""
        if site.name not in self.noisy:
            return super().distribution(site)

        if self.noise == "weight":
            return NoisyNormal(self.normal(site), site.prior.event_dim)

        loc = self.loc[site.name]
        num_units = loc.shape[1]
        alpha = self._site_alpha(site.name).flatten()
        alpha = alpha.expand(num_units)

        return noisy_units(loc, alpha)

    def _site_alpha(self, name: str) -> Tensor:
        """Return α of one site, aligned with its weights."""
        if self.learn is None:
            return self.loc[name].new_tensor(self.init_alpha)

        return positive(self.raw_alpha[name], 1.0)

    def _initial_raw_alpha(self, name: str, learn: _Learned) -> Tensor:
        """Return the initial unconstrained α of a site, aligned with its weights."""
        like = self.loc[name].detach()
        units = columns(like.new_ones(like.shape[1]), like)
        shapes = {"layer": torch.Size(), "unit": units.shape, "weight": like.shape}

        shape = shapes[learn]
        alpha = like.new_full(shape, self.init_alpha)

        return inverse_positive(alpha, 1.0)


def _check(p: float, noise: str, learn: str | None) -> None:
    """Refuse a rate, a kind of noise or a kind of α that is unknown."""
    if not 0 < p < 0.5:
        raise ValueError(
            "p must be a dropout rate above 0 and below 0.5 (at 0.5 the noise has variance 1), "
            f"not {p}"
        )

    if learn not in _LEARNED.get(noise, ()):
        raise ValueError(
            'noise must be "unit" or "weight", and learn None, "layer", "unit" or, with '
            f'noise="weight", "weight"; not noise={noise!r} with learn={learn!r}'
        )
