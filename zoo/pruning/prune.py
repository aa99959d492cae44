"""Pruning a posterior: the weights that a rule needs least become exact zeros."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pyro.distributions as dist
import torch
from torch import Tensor

from zoo.model import BayesianNetwork
from zoo.posterior import Posterior
from zoo.pruning.rules import density_at_zero

Rule = Callable[[Tensor, Tensor], Tensor]
DRAWS = 200  # behind the moments of a posterior without normal marginals


def prune(
    posterior: Posterior,
    fraction: float | None = None,
    rule: Rule = density_at_zero,
    threshold: float | None = None,
) -> Posterior:
    r"""Drop the weights that a rule needs least: they are zero in every draw of what is returned.

    .. math:: w_i \leftarrow w_i \, 1[s(\mu_i, \sigma_i) > t]

    t is the quantile of s over the weights of all linear and convolution layers; biases, normalisations and noise stay.
    The returned posterior samples, predicts, saves and loads like any other, and its file is smaller.

    References:
        Bayesian deep learning with 10 % of the weights (Romijnders, 2019), a talk
        Weight Uncertainty in Neural Networks (Blundell, Cornebise, Kavukcuoglu, Wierstra, 2015), section 5.1

    Arguments:
        posterior: The posterior of one of the zoo's models with random weights.
        fraction: Fraction of the weights to drop, 0 to 1; half where neither this nor `threshold` is given.
        rule: What says how much a weight is needed, from means and standard deviations: one of `zoo.pruning`.
        threshold: What a rule must say at the least for a weight to stay, in place of a fraction.

    Raises:
        ValueError: No weights to drop, a fraction that is none, both fraction and threshold.

    Example:
        >>> from zoo.pruning import prune
        >>> weights = prune(posterior, fraction=0.9).sample(2)["layer1.weight"]
        >>> bool((weights == 0).any())
        True
    """
    if fraction is not None and threshold is not None:
        raise ValueError("give a fraction of the weights to drop, or a threshold of the rule, not both")
    fraction = 0.5 if fraction is None else fraction
    if not 0 <= fraction <= 1:
        raise ValueError(f"fraction is a share of the weights, from 0 to 1, not {fraction}")
    needed = needs(posterior, rule, moments(posterior))
    masks = kept(needed, fraction) if threshold is None else {n: value > threshold for n, value in needed.items()}
    return masked(posterior, masks)


def needs(posterior: Posterior, rule: Rule, known: Mapping[str, tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
    """Return what a rule says of moments by site, and that what was dropped before is needed least of all."""
    found = {name: rule(*values) for name, values in known.items()}
    return found | {name: found[name].masked_fill(~mask, -torch.inf) for name, mask in (posterior.masks or {}).items()}


def moments(posterior: Posterior) -> dict[str, tuple[Tensor, Tensor]]:
    """Return mean and standard deviation of every random weight of a linear or convolution layer, by site."""
    model = posterior.model
    if not isinstance(model, BayesianNetwork) or posterior.functions is not None:
        raise ValueError("pruning needs draws of a network's weights, and this posterior has none of them")
    sites = [name for name, prior in model.latents.items() if name.endswith("weight") and len(prior.shape()) > 1]
    if not sites:
        raise ValueError(
            f"no weight of {type(model.network).__name__} is random under {model.prior!r}, so there is none to drop; "
            "a WeightPrior makes them random"
        )
    found = exact(posterior)
    if any(name not in found for name in sites):
        draws = posterior.sample(None if posterior.draws is not None else DRAWS)
        found = {name: (value.mean(0), value.std(0)) for name, value in draws.items()} | found
    return {name: found[name] for name in sites}


def exact(posterior: Posterior) -> dict[str, tuple[Tensor, Tensor]]:
    """Return mean and standard deviation of the sites that a guide says are normal."""
    if not getattr(posterior.guide, "has_density", False):
        return {}
    laws = posterior.distributions()
    laws = {name: law.base_dist if isinstance(law, dist.Independent) else law for name, law in laws.items()}
    return {name: (law.mean, law.stddev) for name, law in laws.items() if isinstance(law, dist.Normal)}


def kept(needed: Mapping[str, Tensor], fraction: float) -> dict[str, Tensor]:
    """Return which weights stay when a fraction of all is dropped, the least needed first."""
    flat = torch.cat([value.flatten() for value in needed.values()])
    stay = torch.ones_like(flat, dtype=torch.bool)
    stay[flat.argsort(stable=True)[: round(fraction * len(flat))]] = False
    parts = stay.split([value.numel() for value in needed.values()])
    return {name: part.reshape(value.shape) for (name, value), part in zip(needed.items(), parts, strict=True)}


def masked(posterior: Posterior, masks: Mapping[str, Tensor]) -> Posterior:
    """Return a posterior of what masks leave; the guide's own numbers of dropped weights become zero too."""
    facts = {"state": posterior.state, "info": posterior.info, "centre": posterior.centre, "masks": masks}
    if posterior.draws is not None:
        draws = {name: value.masked_fill(~masks[name], 0.0) for name, value in posterior.draws.items() if name in masks}
        return Posterior(posterior.model, draws={**posterior.draws, **draws}, **facts)
    scoped = posterior.scoped.snapshot(posterior.model)
    with torch.no_grad():
        for name, tensor in scoped.tensors().items():
            for site, mask in masks.items():
                if name.endswith(f".{site}") and tensor.shape == mask.shape:
                    tensor.masked_fill_(~mask, 0.0)
    return Posterior(posterior.model, scoped=scoped, **facts)
