"""Gaussian dropout: weights times normal noise of mean one, whose variance is fixed or learned."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from pyro.distributions import Independent as PyroIndependent
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor
from torch.distributions import Independent, kl_divergence, register_kl

from guides._base.log_uniform import is_log_uniform, kingma
from guides._base.parameters import ByName, free, positive
from guides._base.site import Site
from guides._lazy.masks import Masked, Noise, columns, noisy_sites
from guides.local_reparam import LocalReparam

LEARNED = {"weight": (None, "layer", "unit", "weight"), "unit": (None, "layer", "unit")}


class GaussianDropout(LocalReparam):
    r"""Variational dropout: W = M ∘ (1 + √α ε), ε standard normal, with α fixed or learned.

    .. math:: W_{ij} \sim N(M_{ij}, \alpha M_{ij}^2) \qquad\text{or}\qquad
        W_{ij} = M_{ij} \big( 1 + \sqrt{\alpha_j} \, \epsilon_j \big), \qquad \alpha = \frac{p}{1 - p} < 1

    With noise "unit" the weights of an input unit or channel share it, each example
    with its own: dropout with normal masks. That law has no density over weights: of
    the entropy only the noise's is kept, ½ log(2πeα_j) a unit, with E_q[-log p(W)]
    under proper priors, or, under a log-uniform one, the paper's divergence a unit: no
    bound.

    With noise "weight" every weight has noise of its own, drawn at a layer's output as
    in `LocalReparam`. Under `priors.LogUniform()` the divergence is the paper's
    polynomial in α, within 0.04 nats a weight, and bounds nothing. Under a proper prior
    the weights are ordinary normals and the loss is a bound; but its pole at M = 0,
    where the noise is gone, holds every weight to the sign it starts with, so start
    from a trained network there.

    Where no noise is multiplied in (biases, bounded sites, other layers) it is
    `LocalReparam`. α stays below 1, where the paper keeps it and its polynomial holds.

    References:
        Variational Dropout and the Local Reparameterization Trick (Kingma, Salimans, Welling, 2015)

    Arguments:
        model: A Pyro model.
        p: The dropout rate whose noise has the same variance, α = p / (1 - p); below a
            half.
        noise: What has noise of its own: "unit" for the input units and channels, or
            "weight".
        learn: What has a learned α: None, "layer", "unit" (the inputs of a layer), or
            "weight".
        layers: Shell-style patterns of the weights with noise, by their names or their
            layers'; all by default.
        init_scale: Standard deviation of what has no noise multiplied in, at the start.
        max_scale: Ceiling of the standard deviations of normals, none by default.
        example: Arguments to run the model with once; the zoo's models need none.

    Raises:
        ValueError: p outside (0, 1/2); unknown `noise` or `learn`, or α per weight for
            the noise of units; no weight in the model; a pattern that matches none; a
            discrete site.

    Example:
        >>> guide = GaussianDropout(model, p=0.2, learn="layer")
        >>> {name: round(alpha.item(), 4) for name, alpha in guide.alpha().items()}
        {'layer1.weight': 0.25, 'layer2.weight': 0.25}
    """

    def __init__(
        self,
        model: Callable[..., object],
        *,
        p: float = 0.1,
        noise: str = "unit",
        learn: str | None = None,
        layers: str | Sequence[str] = "*",
        init_scale: float = 0.05,
        max_scale: float | None = None,
        example: tuple = (),
    ) -> None:
        super().__init__(
            model, init_scale=init_scale, max_scale=max_scale, example=example
        )
        if not 0 < p < 0.5:
            raise ValueError(
                f"p is a dropout rate above 0 and below 0.5, where the noise has variance 1, not {p}"
            )
        if learn not in LEARNED.get(noise, ()):
            raise ValueError(
                'noise is "unit" or "weight"; learn is None, "layer", "unit" or, for the noise of weights, "weight": '
                f"not {noise!r} with {learn!r}"
            )
        self.noise, self.learn, self.ratio = noise, learn, p / (1 - p)
        self.noisy = noisy_sites(self.sites, layers)
        self.rho = ByName(
            {name: self.rho[name] for name in self.sites if name not in self.noisy}
        )
        self.raw_alpha = ByName(
            {name: self.init(name, learn) for name in self.noisy} if learn else {}
        )
        if noise == "unit":
            self.bound = self.has_density = False

    def init(self, name: str, learn: str) -> Tensor:
        """Return the free numbers of a site's learned α, aligned with its weights."""
        like = self.loc[name].detach()
        shapes = {
            "layer": (),
            "unit": columns(like.new_ones(like.shape[1]), like).shape,
            "weight": like.shape,
        }
        return free(like.new_full(shapes[learn], self.ratio), 1.0)

    def alpha(self) -> dict[str, Tensor]:
        """Return the variance of the noise by site: one number, (1, I, 1, ...) for units, or one for each weight."""
        return {name: self.variance(name) for name in self.noisy}

    def variance(self, name: str) -> Tensor:
        """Return α of one site."""
        return (
            positive(self.raw_alpha[name], 1.0)
            if self.learn
            else self.loc[name].new_tensor(self.ratio)
        )

    def scale(self, name: str) -> Tensor:
        """Return the standard deviations of a site, in unconstrained space."""
        if name not in self.noisy:
            return super().scale(name)
        # a weight of zero has no noise, and the root no slope there
        scale = (self.variance(name) * self.loc[name].square() + 1e-16).sqrt()
        return scale if self.max_scale is None else scale.clamp_max(self.max_scale)

    def distribution(self, site: Site) -> TorchDistributionMixin:
        """Return the normal of a site, or weights whose units have noise."""
        if site.name not in self.noisy:
            return super().distribution(site)
        loc, alpha = self.loc[site.name], self.variance(site.name)
        if self.noise == "weight":
            return NoisyNormal(self.normal(site), site.prior.event_dim)
        each = alpha.flatten().expand(loc.shape[1])
        return NoisyUnits(
            loc, normal(each), 1 + each, 0.5 * (2 * math.pi * math.e * each).log().sum()
        )


class NoisyNormal(PyroIndependent):
    """Normal weights N(M, α M²), whose divergence from a log-uniform prior is a function of α."""


class NoisyUnits(Masked):
    """Weights times the noise of their input units, whose divergence from a log-uniform prior is a function of α."""


def normal(alpha: Tensor) -> Noise:
    """Return normal noise of mean 1 and variance alpha (I,)."""

    def noise(shape: torch.Size) -> Tensor:
        return 1 + alpha.sqrt() * torch.randn(
            shape, dtype=alpha.dtype, device=alpha.device
        )

    return noise


@register_kl(NoisyNormal, Independent)
def _of_weights(q: NoisyNormal, p: Independent) -> Tensor:
    """Return the paper's polynomial under a log-uniform prior, else the divergence of normals."""
    if is_log_uniform(p):
        loc, scale = q.base_dist.loc, q.base_dist.scale
        return kingma(
            (scale.square() / (loc.square() + 1e-16)).log().clamp_max(0.0)
        ).sum()
    return kl_divergence(Independent(q.base_dist, q.reinterpreted_batch_ndims), p)


@register_kl(NoisyUnits, Independent)
def _of_units(q: NoisyUnits, p: Independent) -> Tensor:
    """Return the paper's polynomial a unit under a log-uniform prior, else what is kept of the divergence."""
    if is_log_uniform(p):
        return kingma((q.second - 1).log()).sum()
    return kl_divergence(Masked(q.loc, q.noise, q.second, q.entropy_kept), p)
