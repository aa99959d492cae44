"""Multiplicative noise on the inputs of a layer: which weights have it, its law over weights, its lazy draw."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase

import torch
import torch.nn.functional as F
from pyro.distributions import constraints
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor
from torch.distributions import Independent, Normal, register_kl

from guides._base.cross_entropy import cross_entropy
from guides._base.log_uniform import is_log_uniform
from guides._base.site import Site
from guides._lazy.lazy import Lazy, per_example, plain

Noise = Callable[
    [torch.Size], Tensor
]  # draws numbers of mean 1; the last dimension is that of the input units


def is_weight(site: Site) -> bool:
    """Tell whether a site is the weight of a layer: real, and a matrix or more."""
    return site.is_real and site.prior.event_dim >= 2


def noisy_sites(sites: Mapping[str, Site], layers: str | Sequence[str]) -> list[str]:
    """Choose among weights and Bernoulli nodes by patterns of their names or of their layers'.

    Raises:
        ValueError: There is none; or a pattern that matches none, with the nearest
            names.
    """
    names = [name for name, site in sites.items() if is_weight(site) or site.is_binary]
    if not names:
        raise ValueError(
            f"none of the sites {', '.join(sites)} is the weight of a layer or a Bernoulli node, so there "
            "is nothing to drop"
        )
    chosen = set()
    for pattern in [layers] if isinstance(layers, str) else layers:
        found = {
            name
            for name in names
            if fnmatchcase(name, pattern)
            or fnmatchcase(name.rpartition(".")[0], pattern)
        }
        if not found:
            near = difflib.get_close_matches(pattern, names, n=3, cutoff=0.0)
            raise ValueError(
                f"no weight to drop is called {pattern!r}; the nearest are {', '.join(near)}"
            )
        chosen |= found
    return [name for name in names if name in chosen]


def refuse_log_uniform(
    sites: Mapping[str, Site], names: Sequence[str], guide: object
) -> None:
    """Refuse zeros, or what is nearly zero, under priors whose density has no end there."""
    for name in names:
        if is_log_uniform(sites[name].prior):
            raise ValueError(
                f"the log-uniform prior of {name!r} is infinite at 0, where {type(guide).__name__} puts weights; use "
                "guides.SparseVariationalDropout or guides.GaussianDropout, or a proper prior"
            )


class Masked(TorchDistribution):
    """M times noise of mean one on its columns, which the elements of a column share.

    A law over weights without a density: `log_prob` is minus the entropy of the noise,
    or 0 where it is dropped.

    Arguments:
        loc: Weights M (O, I, ...).
        noise: Draws noise of a shape (..., I).
        second: E[noise²], one number or one for each column (I,).
        entropy: The entropy that is kept.
        masks: "channel", "element" or "weight", as in `guides.MCDropout`.
    """

    arg_constraints = {"loc": constraints.real}  # noqa: RUF012
    has_rsample = True

    def __init__(
        self,
        loc: Tensor,
        noise: Noise,
        second: Tensor | float,
        entropy: Tensor | float = 0.0,
        masks: str = "channel",
        batch_shape: torch.Size = torch.Size(),  # noqa: B008
    ) -> None:
        self.loc, self.noise, self.second, self.entropy_kept, self.masks = (
            loc,
            noise,
            second,
            entropy,
            masks,
        )
        super().__init__(batch_shape, loc.shape, validate_args=False)

    @property
    def support(self) -> constraints.Constraint:
        """All real tensors of the shape of M."""
        return constraints.independent(constraints.real, self.event_dim)

    @property
    def mean(self) -> Tensor:
        """M itself."""
        return self.loc.expand(self.batch_shape + self.event_shape)

    def rsample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:  # noqa: B008
        """Draw lazily; a batch of draws is drawn at once."""
        weight = MaskedWeight(self.loc, self.noise, self.masks)
        shape = torch.Size(sample_shape) + self.batch_shape
        return weight.draws(shape) if shape else weight

    def expand(self, batch_shape: torch.Size, _instance: object = None) -> Masked:
        """Return the distribution for a batch of draws."""
        return type(self)(
            self.loc,
            self.noise,
            self.second,
            self.entropy_kept,
            self.masks,
            torch.Size(batch_shape),
        )

    def log_prob(self, value: Tensor) -> Tensor:
        """Return minus the entropy that is kept."""
        return self.loc.new_zeros(self.batch_shape) - self.entropy_kept


class MaskedWeight(Lazy):
    """A weight with noise on its columns; a layer puts it on the channels of each example's input instead."""

    rows: Tensor | None = None

    def __init__(self, loc: Tensor, noise: Noise, masks: str = "channel") -> None:
        self.loc, self.noise, self.masks = loc, noise, masks

    def draws(self, shape: torch.Size) -> Tensor:
        """Draw weights that are one function each, (*shape, O, I, ...)."""
        if self.masks == "weight":
            return self.loc * self.noise(torch.Size(shape) + self.loc.shape)
        noise = self.noise(torch.Size(shape) + self.loc.shape[1:2])
        return self.loc * columns(noise, self.loc)

    def draw(self) -> Tensor:
        """Draw one weight for all examples."""
        return self.draws(torch.Size())

    def output(
        self,
        layer: Callable[..., Tensor],
        x: Tensor,
        bias: Tensor | None,
        *args: object,
        **kwargs: object,
    ) -> Tensor | None:
        """Put noise on each example's input: on its channels, the same if the layer is applied again, or on all."""
        if self.masks == "weight":
            return None
        if self.masks == "element":
            return layer(
                x * self.noise(x.shape), self.loc, plain(bias), *args, **kwargs
            )
        size = self.loc.shape[1]
        if self.rows is None or len(self.rows) != len(x):
            self.rows = self.noise(torch.Size((len(x), size)))
        groups = (x.shape[-1] if layer is F.linear else x.shape[1]) // size
        rows = self.rows if groups == 1 else self.rows.repeat(1, groups)
        return layer(
            x * per_example(rows, x, layer), self.loc, plain(bias), *args, **kwargs
        )


def columns(noise: Tensor | float, weight: Tensor) -> Tensor | float:
    """Align numbers (*S, I) with the columns of weights (O, I, ...); a number for all stays what it is."""
    if not isinstance(noise, Tensor) or not noise.dim():
        return noise
    return noise.reshape(*noise.shape[:-1], 1, -1, *[1] * (weight.dim() - 2))


def bernoulli(like: Tensor, p: float) -> Noise:
    """Return noise that is 0 with probability p, else 1 / (1 - p)."""

    def noise(shape: torch.Size) -> Tensor:
        kept = (
            torch.rand(shape, dtype=like.dtype, device=like.device) >= p
        )  # out of place, for vmap
        return kept.to(like.dtype) / (1 - p)

    return noise


@register_kl(Masked, Independent)
def _divergence(q: Masked, p: Independent) -> Tensor:
    r"""E_q[-log p(W)] in closed form for a normal prior, less the entropy kept: E[W] = M, E[W²] = M² E[noise²]."""
    if not isinstance(p.base_dist, Normal) or p.event_dim != q.event_dim:
        raise NotImplementedError
    loc = p.base_dist.loc
    squared = q.loc.square() * columns(q.second, q.loc) - 2 * q.loc * loc + loc.square()
    return cross_entropy(squared, p.base_dist).sum() - q.entropy_kept
