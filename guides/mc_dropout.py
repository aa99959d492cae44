"""MC dropout as a guide: each input unit of a layer is dropped at random."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

from guides._base.averaged import Averaged
from guides._base.noisy_sites import noisy_sites, refuse_log_uniform
from guides._base.program import PyroModel
from guides._base.shape import Shape
from guides._base.site import Site
from guides._lazy.masks import Masked, Masks, bernoulli
from guides._lazy.nodes import LazyNodes, NodeDraw
from guides.delta import Delta


class MCDropout(Delta):
    r"""Dropout as variational inference: a random 0 or 1 for each input unit or channel.

    .. math:: z_j \sim \text{Bernoulli}(1 - p), \qquad W_{ij} = M_{ij} z_j / (1 - p)

    M starts at the network's own weights, so a pretrained network keeps its function in
    expectation. By default the input of every weight layer is dropped; biases and other
    sites are point estimates. The loss is the expected negative log likelihood plus
    E_q[-log p(W)]. The entropy, a constant for fixed p, is dropped, so the negative loss
    is no lower bound on the log evidence (`bound = False`). With prior scale 1/ℓ and noise
    precision τ, the sum of -log p(W) is Gal's weight decay ℓ²/(2Nτ(1-p)) per datum. Over
    Bernoulli nodes, `NodePrior(dist.Bernoulli(0.9))`, the same masks have an exact KL and
    a bound. Each example of a batch has masks of its own; the groups of a grouped
    convolution share them.

    A grey image is one channel, and to drop it is to drop the image: exclude its
    convolution from `layers`.

    `masks` says what one random number keeps or drops. "channel": a unit, or for a
    convolution a whole channel of the input (`nn.Dropout2d`). "element": in a fit, each
    element of a layer's input (`nn.Dropout`). For a linear layer applied once per example
    that is the same. For a convolution it is each pixel of each channel, i.e. a different
    kernel at every position, as in the convolutional network of Gal and Ghahramani. No
    single function does that, so a draw that must be one (posterior samples, predictions)
    drops channels, and varies more than in the fit. "weight": each weight (DropConnect),
    in one draw for all examples.

    References:
        Dropout as a Bayesian Approximation: Representing Model Uncertainty in Deep Learning
        (Gal, Ghahramani, 2016)
        Bayesian Convolutional Neural Networks with Bernoulli Approximate Variational Inference
        (Gal, Ghahramani, 2015)
        Efficient Object Localization Using Convolutional Networks
        (Tompson et al., 2015), masks of channels
        Regularization of Neural Networks using DropConnect (Wan et al., 2013), masks of weights

    Arguments:
        model: A Pyro model.
        p: Probability of dropping a unit.
        layers: Shell-style patterns of the weights that are dropped, by their names or
            their layers'; all by default.
        masks: "channel", "element" or "weight".
        example: Arguments to run the model with once. Models of zoo need none.

    Raises:
        ValueError: p outside [0, 1); nothing to drop; a pattern that matches no weight;
            an unknown kind of mask; a log-uniform prior.

    Example:
        >>> guide = MCDropout(model, p=0.5, layers="layer2")
        >>> (guide()["layer2.weight"].clone() == 0).any()
        tensor(True)
        >>> posterior = inference.SVI(model, guide, num_steps=5, progress=False).fit(data.train)
        >>> averaged = posterior.with_guide(posterior.guide.averaged())  # one network
        >>> averaged.predict(data.test.x, num_samples=1).functions.shape
        torch.Size([1, 31, 1])
    """

    def __init__(
        self,
        model: PyroModel,
        *,
        p: float = 0.1,
        layers: str | Sequence[str] = "*",
        masks: Masks = "channel",
        example: tuple[Any, ...] = (),
    ) -> None:
        super().__init__(model, example=example)
        if not 0 <= p < 1:
            raise ValueError(
                f"p must be a probability of dropping a unit, at least 0 and below 1, not {p}"
            )

        if masks not in get_args(Masks):
            raise ValueError(
                f"masks must be 'channel', 'element' or 'weight', not {masks!r}"
            )

        self.p = p
        self.masks = masks
        self.noisy = noisy_sites(self.sites, layers)
        refuse_log_uniform(self, self.noisy)
        all_binary = all(site.is_binary for site in self.sites.values())
        self.bound = all_binary
        self.has_density = all_binary

    def learned(self) -> list[Site]:
        """Return the sites that have a learned value: all except binary nodes."""
        return [site for site in self.sites.values() if not site.is_binary]

    def distribution(self, site: Site) -> TorchDistributionMixin:
        """Return masked weights, Bernoulli nodes, or a point mass."""
        p = self.p if site.name in self.noisy else 0.0
        if site.is_binary:
            probs = torch.full_like(site.init, 1 - p)
            return KeptNodes(probs).to_event(site.prior.event_dim)

        if site.name not in self.noisy:
            return super().distribution(site)

        loc = self.loc[site.name]
        noise = bernoulli(loc, p)
        second_moment = 1 / (1 - p)

        return Masked(loc, noise, second_moment, masks=self.masks)

    def averaged(self) -> Averaged:
        """Return the guide of one network with the mean weights: the weight scaling rule."""
        return Averaged(self)


class KeptNodes(dist.Bernoulli):
    """Bernoulli nodes of which each example of a batch has its own; their KL is exact.

    Pyro treats them as reparameterised. Their probabilities are fixed, so no gradient is
    lost.
    """

    has_rsample = True

    def rsample(self, sample_shape: Shape = torch.Size()) -> Tensor:  # noqa: B008
        """Return a lazy draw, or ordinary draws if there is a batch of them."""
        probs = self.probs
        if sample_shape or probs.dim() > 1:
            return self.sample(sample_shape)

        def draw_once() -> Tensor:
            return torch.bernoulli(probs)

        def draw_batch(size: int) -> Tensor:
            return torch.bernoulli(probs.expand(size, -1))

        return LazyNodes(probs, NodeDraw(draw_once, draw_batch))
