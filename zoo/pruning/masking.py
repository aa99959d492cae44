"""Pruning a posterior: the weights that a rule needs least become exact zeros."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import pyro.distributions as dist
import torch
from torch import Tensor

from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.guide_posterior import GuidePosterior
from zoo.posterior.posterior import Posterior
from zoo.priors.node import has_nodes
from zoo.pruning.filters import hidden, owner, with_filters
from zoo.pruning.rules import density_at_zero, filter_norm

Rule = Callable[[Tensor, Tensor], Tensor]
DRAWS = 200  # behind the moments of a posterior without normal marginals


def prune(
    posterior: Posterior,
    fraction: float | None = None,
    rule: Rule = density_at_zero,
    threshold: float | None = None,
    per_layer: bool = False,
) -> Posterior:
    r"""Drop the weights that a rule needs least: they are zero in every draw of what is returned.

    .. math:: w_i \leftarrow w_i \, 1[s(\mu_i, \sigma_i) > t]

    t is the quantile of s over the weights of all linear and convolution layers, or of
    each; biases, normalisations and noise stay. Under `filter_norm` the outputs of the
    last layer stay, and every other filter goes with its bias and the normalisation
    that follows it. The returned posterior samples, predicts, saves and loads like any
    other, and its file is smaller; `zoo.pruning.shrink` takes what went whole out of
    the network.

    References:
        Bayesian deep learning with 10 % of the weights (Romijnders, 2019), a talk
        Weight Uncertainty in Neural Networks (Blundell, Cornebise, Kavukcuoglu, Wierstra, 2015), section 5.1
        A Comprehensive guide to Bayesian Convolutional Neural Network with Variational Inference (Shridhar, Laumann,
        Liwicki, 2019), section 6, half the filters of every layer

    Arguments:
        posterior: The posterior of one of the zoo's models with random weights.
        fraction: Fraction of the weights to drop, 0 to 1; half where neither this nor
            `threshold` is given. Weights that a rule cannot tell apart, those of one
            filter say, go together or stay together.
        rule: What says how much a weight is needed, from means and standard deviations:
            one of `zoo.pruning`.
        threshold: What a rule must say for a weight to stay is more than this, in place
            of a fraction.
        per_layer: Whether every layer loses the same fraction; else the least needed go
            wherever they are.

    Raises:
        ValueError: No weights to drop, a fraction that is none, both fraction and
            threshold, a threshold per layer.

    Example:
        >>> from zoo.pruning import prune
        >>> weights = prune(posterior, fraction=0.9).sample(2)["layer1.weight"]
        >>> bool((weights == 0).any())
        True
        >>> half = prune(posterior, fraction=0.5, rule=filter_norm, per_layer=True)  # half the filters
        >>> int(half.masks["layer1.bias"].sum())
        5
    """
    if threshold is not None and (fraction is not None or per_layer):
        other = (
            "a fraction of the weights to drop"
            if fraction is not None
            else "per_layer, which shares out a fraction"
        )
        raise ValueError(f"give {other}, or a threshold of the rule, not both")
    fraction = 0.5 if fraction is None else fraction
    if not 0 <= fraction <= 1:
        raise ValueError(
            f"fraction is a share of the weights, from 0 to 1, not {fraction}"
        )
    needed = needs(posterior, rule, moments(posterior))
    if threshold is not None:
        return masked(
            posterior, rule, {name: value > threshold for name, value in needed.items()}
        )
    return masked(posterior, rule, kept(needed, fraction, per_layer))


def needs(
    posterior: Posterior, rule: Rule, known: Mapping[str, tuple[Tensor, Tensor]]
) -> dict[str, Tensor]:
    """Return what a rule says of moments by site, and that what was dropped before is needed least of all."""
    names = (
        hidden(posterior.model.network, known) if rule is filter_norm else list(known)
    )
    if not names:
        raise ValueError(
            f"filter_norm drops outputs of hidden layers, and none of {type(posterior.model.network).__name__} has "
            "random weights: they are all the last layer's, whose outputs are predictions; take another rule"
        )
    before = posterior.masks
    found = {name: rule(*known[name]) for name in names}
    return {
        n: value.masked_fill(~before[n], -torch.inf) if n in before else value
        for n, value in found.items()
    }


def moments(posterior: Posterior) -> dict[str, tuple[Tensor, Tensor]]:
    """Return mean and standard deviation of every random weight of a linear or convolution layer, by site."""
    model = posterior.require_weights("pruning needs draws of a network's weights")
    layers = {name for name, layer in model.network.named_modules() if has_nodes(layer)}
    sites = [
        name
        for name in model.latents
        if name.endswith("weight") and owner(name) in layers
    ]
    if not sites:
        raise ValueError(
            f"no weight of {type(model.network).__name__} is random under {model.prior!r}, so there is none to drop; "
            "a WeightPrior makes them random"
        )
    found = exact(posterior)
    missing = [name for name in sites if name not in found]
    if missing:
        found |= estimated(posterior, missing)
    return {name: found[name] for name in sites}


def estimated(
    posterior: Posterior, sites: Iterable[str]
) -> dict[str, tuple[Tensor, Tensor]]:
    """Return mean and standard deviation of sites over draws, of a guide's one by one: a network may be large."""
    if isinstance(posterior, DrawsPosterior):
        draws = posterior.sample()
        return {
            name: (draws[name].mean(0), draws[name].std(0, correction=0))
            for name in sites
        }
    found = {}
    for number in range(1, DRAWS + 1):  # Welford's
        draws = posterior.sample(1)
        for name in sites:
            value = draws[name][0]
            mean, squares = found.get(
                name, (torch.zeros_like(value), torch.zeros_like(value))
            )
            step = value - mean
            mean = mean + step / number
            found[name] = mean, squares + step * (value - mean)
    return {name: (found[name][0], (found[name][1] / DRAWS).sqrt()) for name in sites}


def exact(posterior: Posterior) -> dict[str, tuple[Tensor, Tensor]]:
    """Return mean and standard deviation of the sites that a guide says are normal."""
    if not getattr(posterior.guide, "has_density", False):
        return {}
    laws = posterior.guide.distributions()
    laws = {
        name: law.base_dist if isinstance(law, dist.Independent) else law
        for name, law in laws.items()
    }
    return {
        name: (law.mean, law.stddev)
        for name, law in laws.items()
        if isinstance(law, dist.Normal)
    }


def kept(
    needed: Mapping[str, Tensor], fraction: float, per_layer: bool = False
) -> dict[str, Tensor]:
    """Return which weights stay when a fraction of all, or of each layer's, is dropped, the least needed first."""
    if per_layer:
        return {
            name: stay
            for name, value in needed.items()
            for stay in kept({name: value}, fraction).values()
        }
    flat = torch.cat([value.flatten() for value in needed.values()])
    _, level, sizes = flat.unique(
        return_inverse=True, return_counts=True
    )  # a filter is one level
    dropped = torch.cat(
        [sizes.new_zeros(1), sizes.cumsum(0)]
    ).double()  # by each number of levels
    stay = level >= (dropped - fraction * len(flat)).abs().argmin()
    parts = stay.split([value.numel() for value in needed.values()])
    return {
        name: part.reshape(value.shape)
        for (name, value), part in zip(needed.items(), parts, strict=True)
    }


def masked(posterior: Posterior, rule: Rule, masks: Mapping[str, Tensor]) -> Posterior:
    """Return a posterior of what masks leave; the guide's own numbers of dropped weights become zero too."""
    masks = (
        with_filters(posterior.model.network, masks)
        if rule is filter_norm
        else dict(masks)
    )
    state, before = zeroed(posterior.state, masks), posterior.masks
    masks = before | {
        n: mask & before.get(n, mask)
        for n, mask in masks.items()
        if n in posterior.shapes
    }
    if isinstance(posterior, DrawsPosterior):
        return posterior.transformed(
            lambda values: zeroed(values, masks), posterior.model, state, masks
        )
    scoped = posterior.scoped.snapshot(posterior.model)
    with torch.no_grad():
        for name, tensor in scoped.tensors().items():
            site = site_of(name, posterior.shapes)
            if site in masks and tensor.shape == masks[site].shape:
                tensor.masked_fill_(~masks[site], 0.0)
    return GuidePosterior(
        posterior.model, scoped=scoped, state=state, info=posterior.info, masks=masks
    )


def zeroed(
    values: Mapping[str, Tensor], masks: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return values (*S, *shape) by name, those that masks drop as zeros."""
    masks = {
        name: ~mask.to(values[name].device)
        for name, mask in masks.items()
        if name in values
    }
    return {
        name: value.masked_fill(masks[name], 0.0) if name in masks else value
        for name, value in values.items()
    }


def site_of(name: str, sites: Iterable[str]) -> str | None:
    """Return the site that a guide's parameter is of, `layer1.conv.weight` and not `conv.weight`; None of no site."""
    return max(
        (site for site in sites if name.endswith(f".{site}")), key=len, default=None
    )
