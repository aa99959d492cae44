"""MC dropout as a guide: each input unit of a weight layer is kept or dropped at random."""

from __future__ import annotations

from collections.abc import Callable

import pyro.distributions as dist
import torch
import torch.nn.functional as F
from pyro.distributions import constraints
from pyro.distributions.torch_distribution import TorchDistribution, TorchDistributionMixin
from torch import Tensor
from torch.distributions import Independent, Normal, register_kl

from guides.delta import Delta
from guides.lazy import Lazy, per_example, plain
from guides.nodes import LazyNodes, NodeDraw
from guides.site import Site


class MCDropout(Delta):
    r"""Dropout as variational inference: W = M ∘ z / (1 - p), one z per input unit or channel.

    .. math:: z_j \sim \text{Bernoulli}(1 - p), \qquad W_{ij} = M_{ij} z_j / (1 - p)

    M starts at the network's own weights, so a pretrained network stays what it was in expectation. The input of
    every weight layer is dropped; biases and other sites are point estimates. The loss is the expected negative
    log likelihood plus E_q[-log p(W)]; the entropy, a constant for fixed p, is dropped, so it bounds nothing
    (`bound = False`). With prior scale 1/ℓ and noise precision τ, -log p(W) summed is Gal's weight decay
    ℓ²/(2Nτ(1-p)) per datum. Over nodes that are Bernoulli, `NodePrior(dist.Bernoulli(0.9))`, the same masks have
    an exact KL and a bound. Each example of a batch has masks of its own; the groups of a grouped convolution
    share them.

    References:
        Dropout as a Bayesian Approximation: Representing Model Uncertainty in Deep Learning (Gal, Ghahramani, 2016)
        Bayesian Convolutional Neural Networks with Bernoulli Approximate Variational Inference (Gal, Ghahramani, 2015)

    Arguments:
        model: A Pyro model.
        p: Probability of dropping a unit.
        example: Arguments to run the model with once; the zoo's models need none.

    Raises:
        ValueError: p outside [0, 1); nothing to drop.

    Example:
        >>> guide = MCDropout(model, p=0.5)
        >>> (guide()["layer2.weight"].clone() == 0).any()
        tensor(True)
    """

    def __init__(self, model: Callable[..., object], *, p: float = 0.1, example: tuple = ()) -> None:
        super().__init__(model, example=example)
        if not 0 <= p < 1:
            raise ValueError(f"p is the probability of dropping a unit, from 0 up to but not 1, not {p}")
        self.p = p
        dropped = [site for site in self.sites.values() if is_weight(site) or site.is_binary]
        if not dropped:
            raise ValueError(
                f"none of the sites {', '.join(self.sites)} is the weight of a layer or a Bernoulli node, so there "
                "is nothing to drop"
            )
        self.bound = self.has_density = all(site.is_binary for site in self.sites.values())

    def learned(self) -> list[Site]:
        """List the sites that are not binary nodes, which have no parameters."""
        return [site for site in self.sites.values() if not site.is_binary]

    def distribution(self, site: Site) -> TorchDistributionMixin:
        """Return masked weights, Bernoulli nodes, or a point mass."""
        if site.is_binary:
            return KeptNodes(torch.full_like(site.start, 1 - self.p)).to_event(site.prior.event_dim)
        return Dropout(self.loc[site.name], self.p) if is_weight(site) else super().distribution(site)


def is_weight(site: Site) -> bool:
    """Tell whether a site is the weight of a layer: real, and a matrix or more."""
    return site.is_real and site.prior.event_dim >= 2


class Dropout(TorchDistribution):
    """M ∘ z / (1 - p) with one Bernoulli(1 - p) variable z per column of M; log_prob is 0, its entropy dropped."""

    arg_constraints = {"loc": constraints.real}  # noqa: RUF012
    has_rsample = True

    def __init__(self, loc: Tensor, p: float, batch_shape: torch.Size = torch.Size()) -> None:  # noqa: B008
        self.loc, self.p = loc, p
        super().__init__(batch_shape, loc.shape, validate_args=False)

    @property
    def support(self) -> constraints.Constraint:
        """All real tensors of the shape of M."""
        return constraints.independent(constraints.real, self.event_dim)

    def rsample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:  # noqa: B008
        """Draw lazily; a batch of draws is drawn at once."""
        shape = torch.Size(sample_shape) + self.batch_shape
        return masked(self.loc, self.p, shape) if shape else DroppedWeight(self.loc, self.p)

    def expand(self, batch_shape: torch.Size, _instance: object = None) -> Dropout:
        """Return the distribution for a batch of draws."""
        return Dropout(self.loc, self.p, torch.Size(batch_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return 0: the entropy is a constant for fixed p."""
        return self.loc.new_zeros(self.batch_shape)


def masked(loc: Tensor, p: float, shape: torch.Size = torch.Size()) -> Tensor:  # noqa: B008
    """Draw weights with dropped columns, (*shape, O, I, ...)."""
    ones = [1] * (loc.dim() - 2)
    keep = kept(p, *shape, 1, loc.shape[1], *ones, like=loc)
    return loc * keep / (1 - p)


def kept(p: float, *shape: int, like: Tensor) -> Tensor:
    """Draw zeros with probability p and ones otherwise, out of place, so that `torch.func.vmap` can draw many."""
    return (torch.rand(shape, dtype=like.dtype, device=like.device) >= p).to(like.dtype)


class DroppedWeight(Lazy):
    """A weight with dropped columns; a layer drops the channels of each example's input instead."""

    keep: Tensor | None = None

    def __init__(self, loc: Tensor, p: float) -> None:
        self.loc, self.p = loc, p

    def draw(self) -> Tensor:
        """Draw one mask for all examples."""
        return masked(self.loc, self.p)

    def output(
        self,
        layer: Callable[..., Tensor],
        x: Tensor,
        bias: Tensor | None,
        *args: object,
        **kwargs: object,
    ) -> Tensor:
        """Drop the input channels of each example on its own, the same ones if the layer is applied again."""
        columns = self.loc.shape[1]
        if self.keep is None or len(self.keep) != len(x):
            self.keep = kept(self.p, len(x), columns, like=x)
        groups = (x.shape[-1] if layer is F.linear else x.shape[1]) // columns
        keep = per_example(self.keep.repeat(1, groups), x, layer)
        return layer(x * keep / (1 - self.p), self.loc, plain(bias), *args, **kwargs)


class KeptNodes(dist.Bernoulli):
    """Bernoulli nodes, each example of a batch with its own; an exact KL.

    Their probabilities are fixed, so that no gradient is lost: to Pyro they are reparameterised.
    """

    has_rsample = True

    def rsample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:  # noqa: B008
        """Draw lazily; a batch of draws is drawn at once."""
        if sample_shape or self.probs.dim() > 1:
            return self.sample(sample_shape)
        once, each = self.probs, self.probs.expand
        return LazyNodes(
            once,
            NodeDraw(lambda: torch.bernoulli(once), lambda size: torch.bernoulli(each(size, -1))),
        )


@register_kl(Dropout, Independent)
def _cross_entropy(q: Dropout, p: Independent) -> Tensor:
    r"""E_q[-log p(W)] in closed form for a normal prior: E[W] = M, E[W²] = M² / (1 - p)."""
    if not isinstance(p.base_dist, Normal) or p.event_dim != q.event_dim:
        raise NotImplementedError
    loc, scale = p.base_dist.loc, p.base_dist.scale
    second = q.loc.square() / (1 - q.p) - 2 * q.loc * loc + loc.square()
    log_density = -second / (2 * scale.square()) - scale.log() - 0.5 * torch.log(torch.full_like(scale, 2 * torch.pi))
    return -log_density.sum()
