"""Prune a posterior: the weights of the lowest importance become exact zeros."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

import torch
from torch import Tensor

from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.guide_posterior import GuidePosterior
from zoo.posterior.posterior import Posterior
from zoo.pruning.filters import with_whole_filters, without_last_layer
from zoo.pruning.masks import keep_most_important, zeroed
from zoo.pruning.moments import Moments, weight_moments
from zoo.pruning.rules import Rule, density_at_zero, filter_norm


def prune(
    posterior: Posterior,
    fraction: float | None = None,
    rule: Rule = density_at_zero,
    threshold: float | None = None,
    per_layer: bool = False,
) -> Posterior:
    r"""Drop the weights of the lowest importance: they are zero in every draw of the result.

    .. math:: w_i \leftarrow w_i \, 1[s(\mu_i, \sigma_i) > t]

    t is the quantile of the importance s over the weights of all linear and convolution
    layers, or of each layer; biases, normalisations and noise are kept. Under
    `filter_norm` the outputs of the last layer are kept, and a dropped filter goes with
    its bias and the normalisation that follows it. The result samples, predicts, saves
    and loads like any other posterior, and its file is smaller. `zoo.pruning.shrink`
    removes filters and units that were dropped whole from the network.

    References:
        Bayesian deep learning with 10 % of the weights (Romijnders, 2019), a talk
        Weight Uncertainty in Neural Networks (Blundell, Cornebise, Kavukcuoglu, Wierstra,
        2015), section 5.1
        A Comprehensive guide to Bayesian Convolutional Neural Network with Variational
        Inference (Shridhar, Laumann, Liwicki, 2019), section 6, half the filters of every
        layer

    Arguments:
        posterior: The posterior of one of the zoo's models with random weights.
        fraction: Fraction of the weights to drop, 0 to 1; one half by default, without a
            `threshold`. Weights of equal importance, such as those of one filter, are
            dropped together or kept together.
        rule: The importance of weights as a function of means and standard deviations,
            one of the rules of `zoo.pruning`.
        threshold: Weights whose importance is not above this value are dropped, instead
            of a fraction.
        per_layer: Whether to drop the same fraction of every layer; by default the
            least important weights of all layers are dropped.

    Raises:
        ValueError: No weights to drop; a fraction outside [0, 1]; both a fraction and a
            threshold; a threshold per layer.

    Example:
        >>> from zoo.pruning import prune
        >>> weights = prune(posterior, fraction=0.9).sample(2)["layer1.weight"]
        >>> bool((weights == 0).any())
        True
        >>> half = prune(posterior, fraction=0.5, rule=filter_norm, per_layer=True)
        >>> int(half.masks["layer1.bias"].sum())  # half the filters
        5
    """
    if threshold is not None and fraction is not None:
        raise ValueError(
            "write fraction, a share of the weights, or threshold, a value of the rule, not both"
        )
    if threshold is not None and per_layer:
        raise ValueError(
            "write per_layer or threshold, not both: per_layer needs a fraction"
        )

    fraction = 0.5 if fraction is None else fraction
    if not 0 <= fraction <= 1:
        raise ValueError(
            f"fraction must be a share of the weights, from 0 to 1, not {fraction}"
        )

    scores = importance(posterior, rule, weight_moments(posterior))
    if threshold is not None:
        masks = {name: score > threshold for name, score in scores.items()}
    else:
        masks = keep_most_important(scores, fraction, per_layer)
    return masked(posterior, rule, masks)


def importance(
    posterior: Posterior, rule: Rule, moments: Mapping[str, Moments]
) -> dict[str, Tensor]:
    """Return the importance of weights by site; weights that were dropped before have the lowest.

    Raises:
        ValueError: `filter_norm` for a network whose only random weights are the last
            layer's.
    """
    network = posterior.model.network
    names = list(moments)

    if rule is filter_norm:
        names = without_last_layer(network, names)
    if not names:
        raise ValueError(
            "filter_norm drops outputs of hidden layers, but in "
            f"{type(network).__name__} only the last layer has random weights; use another rule"
        )

    masks = posterior.masks

    scores = {}
    for name in names:
        score = rule(moments[name].mean, moments[name].std)
        if name in masks:
            score = score.masked_fill(~masks[name], -torch.inf)
        scores[name] = score

    return scores


def masked(posterior: Posterior, rule: Rule, masks: Mapping[str, Tensor]) -> Posterior:
    """Return a posterior whose dropped weights are zero, and the guide's parameters of them too.

    Arguments:
        posterior: The posterior, which does not change.
        rule: The rule that the masks are of; `filter_norm` drops whole filters.
        masks: Which weights are kept, (*shape) each, by site.
    """
    if rule is filter_norm:
        masks = with_whole_filters(posterior.model.network, masks)
    state = zeroed(posterior.state, masks)

    masks = _with_earlier_masks(posterior, masks)
    if isinstance(posterior, DrawsPosterior):
        transform = partial(zeroed, masks=masks)
        return posterior.transformed(transform, posterior.model, state, masks)

    scoped = posterior.scoped.snapshot(posterior.model)
    with torch.no_grad():
        for name, tensor in scoped.tensors().items():
            site = site_of(name, posterior.shapes)
            if site in masks and tensor.shape == masks[site].shape:
                tensor.masked_fill_(~masks[site], 0.0)
    return GuidePosterior(
        posterior.model, scoped=scoped, state=state, info=posterior.info, masks=masks
    )


def site_of(name: str, sites: Iterable[str]) -> str | None:
    """Return the site that a guide's parameter belongs to; None if there is none.

    The site with the longest name is right: a parameter `loc.layer1.conv.weight` belongs
    to `layer1.conv.weight`, not to `conv.weight`.
    """
    matching = [site for site in sites if name.endswith(f".{site}")]
    return max(matching, key=len, default=None)


def _with_earlier_masks(
    posterior: Posterior, masks: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return masks of random weights by site that also drop what was dropped before."""
    earlier = posterior.masks
    found = dict(earlier)
    for name, mask in masks.items():
        if name in posterior.shapes:
            found[name] = mask & earlier.get(name, mask)

    return found
