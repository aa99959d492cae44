"""Weights under noise that multiplies the inputs of their layer.

`guides._lazy.lazy` explains how a lazily sampled tensor works.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import torch
from pyro.distributions import constraints
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor
from torch.distributions import Independent, Normal, register_kl

from guides._base.cross_entropy import cross_entropy
from guides._base.noise import uniform_noise
from guides._base.shape import Shape
from guides._lazy.examples import ExamplePlace, per_example
from guides._lazy.lazy import Layer, Lazy, is_batch, num_channels, plain

Masks = Literal["channel", "element", "weight"]  # what one random number is for
# Draws elements of mean 1 of a shape whose last dimension is that of the input units.
Noise = Callable[[torch.Size], Tensor]


class Masked(TorchDistribution):
    """A weight M times noise of mean one, which the elements of a column share.

    This distribution over weights has no density: `log_prob` is minus the entropy that
    the loss keeps, which is 0 by default.

    Arguments:
        loc: Weights M (O, I, ...).
        noise: Draws noise of a shape (..., I).
        second_moment: E[noise²], one value or one for each column (I,).
        entropy: The entropy that the loss keeps.
        masks: "channel", "element" or "weight", as in `guides.MCDropout`.
        batch_shape: Shape of a batch of draws.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {
        "loc": constraints.real
    }
    has_rsample = True

    def __init__(
        self,
        loc: Tensor,
        noise: Noise,
        second_moment: Tensor | float,
        entropy: Tensor | float = 0.0,
        masks: Masks = "channel",
        batch_shape: torch.Size = torch.Size(),  # noqa: B008
    ) -> None:
        self.loc = loc
        self.noise = noise
        self.second_moment = second_moment
        self.kept_entropy = entropy
        self.masks = masks
        super().__init__(batch_shape, loc.shape, validate_args=False)

    @property
    def support(self) -> constraints.Constraint:
        """All real tensors of the shape of M."""
        return constraints.independent(constraints.real, self.event_dim)

    @property
    def mean(self) -> Tensor:
        """The mean, M."""
        return self.loc.expand(self.batch_shape + self.event_shape)

    def rsample(self, sample_shape: Shape = torch.Size()) -> Tensor:  # noqa: B008
        """Return a lazy draw, or ordinary draws if there is a batch of them."""
        weight = MaskedWeight(self.loc, self.noise, self.masks)
        shape = torch.Size(sample_shape) + self.batch_shape

        return weight.draws(shape) if shape else weight

    def expand(self, batch_shape: Shape, _instance: Any = None) -> Masked:
        """Return the distribution for a batch of draws."""
        return type(self)(
            self.loc,
            self.noise,
            self.second_moment,
            self.kept_entropy,
            self.masks,
            torch.Size(batch_shape),
        )

    def log_prob(self, value: Tensor) -> Tensor:
        """Return minus the entropy that the loss keeps."""
        return self.loc.new_zeros(self.batch_shape) - self.kept_entropy


class MaskedWeight(Lazy):
    """A weight with noise on its columns, which a layer puts on each example's input instead.

    Arguments:
        loc: Weights M (O, I, ...).
        noise: Draws noise of a shape (..., I).
        masks: "channel", "element" or "weight".
    """

    rows: Tensor | None = None  # the noise of each example, (B, I)

    def __init__(self, loc: Tensor, noise: Noise, masks: Masks = "channel") -> None:
        self.loc = loc
        self.noise = noise
        self.masks = masks
        self.needs_examples = masks == "channel"

    def draws(self, shape: torch.Size) -> Tensor:
        """Draw weights (*shape, O, I, ...), each of which is one function for all inputs."""
        shape = torch.Size(shape)
        if self.masks == "weight":
            noise = self.noise(shape + self.loc.shape)
            return self.loc * noise

        units = self.loc.shape[1:2]
        noise = self.noise(shape + units)

        return self.loc * columns(noise, self.loc)

    def draw(self) -> Tensor:
        """Draw one weight for all examples."""
        return self.draws(torch.Size())

    def output(
        self, layer: Layer, x: Tensor, bias: Tensor | None, *args: Any, **kwargs: Any
    ) -> Tensor | None:
        """Put noise on the channels of each example's input, or on all its elements."""
        if self.masks == "weight":
            return None

        if self.masks == "element":
            if not is_batch(x, self, layer):
                return None

            noise = self.noise(x.shape)
        else:
            place = self.place(x)
            if place is None:
                return None

            rows = self._channel_noise(x, layer, place)
            noise = per_example(rows, x, layer, place)

        return layer(x * noise, self.loc, plain(bias), *args, **kwargs)

    def _channel_noise(self, x: Tensor, layer: Layer, place: ExamplePlace) -> Tensor:
        """Return noise (B, C) for a batch, the same if the layer is applied again."""
        size = self.loc.shape[1]
        num_examples = place.num_examples
        if self.rows is None or len(self.rows) != num_examples:
            self.rows = self.noise(torch.Size((num_examples, size)))

        groups = num_channels(x, layer) // size
        if groups == 1:
            return self.rows

        return self.rows.repeat(1, groups)


def columns(noise: Tensor, weight: Tensor) -> Tensor:
    """Align noise (*S, I) with the columns of weights (O, I, ...)."""
    ones = [1] * (weight.dim() - 2)

    return noise.reshape(*noise.shape[:-1], 1, -1, *ones)


def bernoulli(like: Tensor, p: float) -> Noise:
    """Return noise that is 0 with probability p, else 1 / (1 - p).

    Arguments:
        like: A tensor with the dtype and device of the noise.
        p: The probability of 0.
    """

    def noise(shape: torch.Size) -> Tensor:
        kept = uniform_noise(shape, like) >= p  # vmap refuses the in-place bernoulli_

        return kept.to(like.dtype) / (1 - p)

    return noise


@register_kl(Masked, Independent)
def _divergence(q: Masked, p: Independent) -> Tensor:
    r"""Return E_q[-log p(W)] minus the kept entropy, in closed form for a normal prior.

    Two moments are needed: E[W] = M and E[W²] = M² E[noise²].
    """
    same_dims = len(p.event_shape) == len(q.event_shape)
    if not (same_dims and isinstance(p.base_dist, Normal)):
        raise NotImplementedError

    loc = p.base_dist.loc
    of_noise = q.second_moment
    if isinstance(of_noise, Tensor) and of_noise.dim() > 0:
        of_noise = columns(of_noise, q.loc)

    second_moment = q.loc.square() * of_noise
    squared = second_moment - 2 * q.loc * loc + loc.square()

    cross = cross_entropy(squared, p.base_dist)

    return cross.sum() - q.kept_entropy
