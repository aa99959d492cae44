"""MC dropout as a guide: each input unit of a weight layer is kept or dropped at random."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

from guides._base.averaged import Averaged
from guides._base.site import Site
from guides._lazy.masks import Masked, bernoulli, noisy_sites, refuse_log_uniform
from guides._lazy.nodes import LazyNodes, NodeDraw
from guides.delta import Delta

MASKS = ("channel", "element", "weight")


class MCDropout(Delta):
    r"""Dropout as variational inference: W = M ∘ z / (1 - p), one z per input unit or channel.

    .. math:: z_j \sim \text{Bernoulli}(1 - p), \qquad W_{ij} = M_{ij} z_j / (1 - p)

    M starts at the network's own weights, so a pretrained network stays what it was in
    expectation. The input of every weight layer is dropped unless told otherwise;
    biases and other sites are point estimates. The loss is the expected negative log
    likelihood plus E_q[-log p(W)]; the entropy, a constant for fixed p, is dropped, so
    it bounds nothing (`bound = False`). With prior scale 1/ℓ and noise precision τ,
    -log p(W) summed is Gal's weight decay ℓ²/(2Nτ(1-p)) per datum. Over nodes that are
    Bernoulli, `NodePrior(dist.Bernoulli(0.9))`, the same masks have an exact KL and a
    bound. Each example of a batch has masks of its own; the groups of a grouped
    convolution share them.

    A grey image is one channel, and dropping it drops the image: leave its convolution
    out of `layers`.

    What a mask is of: with "channel" one number is kept or dropped, for a convolution a
    whole channel of the input (`nn.Dropout2d`). With "element" a fit drops each number
    of a layer's input on its own (`nn.Dropout`): for a linear layer applied once per
    example the same thing, for a convolution each pixel of each channel, a different
    kernel at every place as in the convolutional network of Gal and Ghahramani. No
    function does that, so a draw that must be one (posterior samples, predictions)
    drops channels there too, with more spread than the fit had. With "weight" each
    weight is dropped on its own (DropConnect), in one draw for all examples.

    References:
        Dropout as a Bayesian Approximation: Representing Model Uncertainty in Deep Learning (Gal, Ghahramani, 2016)
        Bayesian Convolutional Neural Networks with Bernoulli Approximate Variational Inference (Gal, Ghahramani, 2015)
        Efficient Object Localization Using Convolutional Networks (Tompson et al., 2015), masks of channels
        Regularization of Neural Networks using DropConnect (Wan et al., 2013), masks of weights

    Arguments:
        model: A Pyro model.
        p: Probability of dropping a unit.
        layers: Shell-style patterns of the weights that are dropped, by their names or
            their layers'; all by default.
        masks: "channel", "element" or "weight".
        example: Arguments to run the model with once; the zoo's models need none.

    Raises:
        ValueError: p outside [0, 1); nothing to drop; a pattern that matches no weight;
            an unknown kind of mask; a log-uniform prior.

    Example:
        >>> guide = MCDropout(model, p=0.5, layers="layer2")
        >>> (guide()["layer2.weight"].clone() == 0).any()
        tensor(True)
        >>> posterior = inference.SVI(model, guide, num_steps=5, progress=False).fit(data.train)
        >>> averaged = posterior.with_guide(posterior.guide.averaged())  # one network with the mean weights
        >>> averaged.predict(data.test.x, num_samples=1).functions.shape
        torch.Size([1, 31, 1])
    """

    def __init__(
        self,
        model: Callable[..., object],
        *,
        p: float = 0.1,
        layers: str | Sequence[str] = "*",
        masks: str = "channel",
        example: tuple = (),
    ) -> None:
        super().__init__(model, example=example)
        if not 0 <= p < 1:
            raise ValueError(
                f"p is the probability of dropping a unit, from 0 up to but not 1, not {p}"
            )
        if masks not in MASKS:
            raise ValueError(
                f"masks are of one {', '.join(map(repr, MASKS[:-1]))} or {MASKS[-1]!r}, not {masks!r}"
            )
        self.p, self.masks = p, masks
        self.noisy = noisy_sites(self.sites, layers)
        refuse_log_uniform(self.sites, self.noisy, self)
        self.bound = self.has_density = all(
            site.is_binary for site in self.sites.values()
        )

    def learned(self) -> list[Site]:
        """List the sites that are not binary nodes, which have no parameters."""
        return [site for site in self.sites.values() if not site.is_binary]

    def distribution(self, site: Site) -> TorchDistributionMixin:
        """Return masked weights, Bernoulli nodes, or a point mass."""
        p = self.p if site.name in self.noisy else 0.0
        if site.is_binary:
            return KeptNodes(torch.full_like(site.init, 1 - p)).to_event(
                site.prior.event_dim
            )
        if site.name not in self.noisy:
            return super().distribution(site)
        loc = self.loc[site.name]
        return Masked(loc, bernoulli(loc, p), 1 / (1 - p), masks=self.masks)

    def averaged(self) -> Averaged:
        """Return the guide of one deterministic network, the weights' means: the weight scaling rule."""
        return Averaged(self)


class KeptNodes(dist.Bernoulli):
    """Bernoulli nodes, each example of a batch with its own; an exact KL.

    Their probabilities are fixed, so that no gradient is lost: to Pyro they are
    reparameterised.
    """

    has_rsample = True

    def rsample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:  # noqa: B008
        """Draw lazily; a batch of draws is drawn at once."""
        if sample_shape or self.probs.dim() > 1:
            return self.sample(sample_shape)
        once, each = self.probs, self.probs.expand
        return LazyNodes(
            once,
            NodeDraw(
                lambda: torch.bernoulli(once),
                lambda size: torch.bernoulli(each(size, -1)),
            ),
        )
