"""Shrinking: a pruned posterior over a network that really is smaller."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call

from zoo.model import BayesianNetwork
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.guide_posterior import GuidePosterior
from zoo.posterior.posterior import Posterior
from zoo.predictive.evaluate import evaluate_draws
from zoo.predictive.inputs import evaluate_once, place_inputs
from zoo.priors.node import has_nodes
from zoo.pruning.channels import Channels, tensors
from zoo.pruning.masking import exact, site_of
from zoo.runtime.modes import evaluation_mode
from zoo.runtime.param_scope import ScopedGuide

MOST = 32  # inputs at which the smaller network is held against the whole one
FAILURES = (
    AttributeError,
    AssertionError,
    LookupError,
    NotImplementedError,
    RuntimeError,
    TypeError,
)
CLOSE = 1e-3  # of the largest output: other sums, in another order


def shrink(posterior: Posterior, x: Tensor, num_samples: int = 100) -> Posterior:
    r"""Take the filters and units that `prune` dropped whole out of the network: it is smaller, and says the same.

    .. math:: w_{oi} = 0 \;\forall i, \; b_o = 0, \; \sigma(0) = 0 \quad\text{or}\quad w_{po} = 0 \;\forall p
        \qquad\Rightarrow\qquad \text{unit } o \text{ goes}

    A unit goes if it is zero under every draw, or if nothing reads it; what is left
    without weights by that goes too. A guide whose weights are independent normals
    stays a guide, of the smaller model; of others draws are kept. The prior is bound
    anew, so a rule that looks at a layer's width, `priors.fan_in` say, gives other
    scales there. The network is `posterior.model.network`; `pruning.narrow` builds it
    again for `zoo.load`. It is looked at in evaluation mode: layers that only training
    runs, as the companions of `networks.DSN`, keep their size and fit it no more.

    References:
        Pruning Filters for Efficient ConvNets (Li, Kadav, Durdanovic, Samet, Graf, 2017)
        DepGraph: Towards Any Structural Pruning (Fang, Ma, Song, Mi, Wang, 2023), whose code finds what follows what

    Arguments:
        posterior: A pruned posterior.
        x: Inputs (N, ...), of which one is enough: the network is run to learn what
            follows what, and compared.
        num_samples: Draws that are kept of a guide that cannot be cut.

    Raises:
        ValueError: Nothing that could go; a prior that does not fit; the smaller
            network says something else.
        ImportError: torch-pruning is not installed.

    Example:
        >>> from zoo.pruning import filter_norm, prune, shrink
        >>> half = prune(posterior, fraction=0.5, rule=filter_norm, per_layer=True)
        >>> shrink(half, data.test.x).shapes["layer1.weight"]
        torch.Size([5, 6])
    """
    model = posterior.model
    if not posterior.masks:
        raise ValueError(
            "this posterior is not pruned, so nothing of its network can go; zoo.prune comes first"
        )
    x = place_inputs(model, x)[:MOST]
    one = {name: value[:1].to(x.device) for name, value in posterior.sample(1).items()}
    try:
        network, places = narrowed(
            posterior, {name: value[0] for name, value in one.items()}, x
        )
    except FAILURES as error:
        raise ValueError(
            f"{unseen(model.network)} ({type(error).__name__}: {error})"
        ) from error
    small = rebuilt(model, network)

    def cut(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {
            n: v.flatten(v.dim() - ranks[n])[..., places[n]] if n in places else v
            for n, v in values.items()
        }

    ranks = {name: tensor.dim() for name, tensor in tensors(model.network).items()}
    state = cut(posterior.state)
    compare(
        evaluate_draws(model, one, posterior.state, x),
        evaluate_draws(small, cut(one), state, x),
        model.network,
    )
    masks = cut(posterior.masks)
    if isinstance(posterior, DrawsPosterior):
        return posterior.transformed(cut, small, state, masks)
    scoped = cut_guide(posterior, small, places)
    if scoped is not None:
        return GuidePosterior(
            small, scoped=scoped, state=state, info=posterior.info, masks=masks
        )
    draws = posterior.sample(num_samples)
    draws = {name: value.unsqueeze(0) for name, value in draws.items()}
    return DrawsPosterior(
        small, draws=cut(draws), state=state, info=posterior.info, masks=masks
    )


def narrowed(
    posterior: Posterior, draw: Mapping[str, Tensor], x: Tensor
) -> tuple[nn.Module, dict[str, Tensor]]:
    """Return the network without what nothing needs, and the places of what is left in each tensor as it was."""
    model, network = posterior.model, posterior.model.network
    values = model.plan.tensors(network, {**posterior.state, **draw})
    evaluate_once(
        model, {**posterior.state, **draw}, x
    )  # or say that it does not take them
    zero = {
        name: ~posterior.masks.get(name, torch.ones_like(value, dtype=torch.bool))
        if name in draw
        else value == 0
        for name, value in values.items()
    }
    zero = {name: value.cpu() for name, value in zero.items()}
    places: dict[str, Tensor] = {}
    while True:
        channels = Channels(network, x[:1])
        gone, reasons = channels.unneeded(zero, silent(network, values, x))
        if not gone and not places:
            refuse(network, reasons)
        if not gone:
            return network, places
        network, left = channels.without(gone)
        zero, values = (
            {n: v.flatten()[left[n]] for n, v in of.items()} for of in (zero, values)
        )
        places = {
            name: places[name].flatten()[left[name]] if places else left[name]
            for name in left
        }


def silent(
    network: nn.Module, values: Mapping[str, Tensor], x: Tensor
) -> dict[str, Tensor]:
    """Return which inputs of each linear and convolution layer are zero at all x, (I,), by the weight's name."""
    found = {}

    def watch(name: str) -> object:
        def hook(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            channel = inputs[0].dim() - 1 if isinstance(layer, nn.Linear) else 1
            found[name] = (inputs[0] == 0).transpose(0, channel).flatten(1).all(1).cpu()

        return hook

    layers = {
        f"{name}.weight": layer
        for name, layer in network.named_modules()
        if has_nodes(layer)
    }
    hooks = [
        layer.register_forward_pre_hook(watch(name)) for name, layer in layers.items()
    ]
    try:
        with torch.no_grad(), evaluation_mode(network):
            functional_call(network, dict(values), (x,))
    finally:
        for hook in hooks:
            hook.remove()
    return found


def refuse(network: nn.Module, reasons: Mapping[str, str]) -> None:
    """Say why nothing can go."""
    if not reasons:
        raise ValueError(
            f"no filter or unit of {type(network).__name__} was dropped whole, so there is nothing to shrink; "
            "prune(posterior, fraction=0.5, rule=filter_norm, per_layer=True) drops half of each layer's"
        )
    first, why = next(iter(reasons.items()))
    others = (
        f" ({len(reasons) - 1} other layers keep theirs too)"
        if len(reasons) > 1
        else ""
    )
    raise ValueError(
        f"{type(network).__name__} has filters or units without weights, but {first!r} keeps its own because "
        f"{why}{others}"
    )


def rebuilt(model: BayesianNetwork, network: nn.Module) -> BayesianNetwork:
    """Return the model over the smaller network, with the same prior and likelihood."""
    try:
        small = BayesianNetwork(network, model.prior, model.likelihood)
        latents = {name: prior.shape() for name, prior in small.latents.items()}
    except (RuntimeError, ValueError) as error:
        raise ValueError(
            f"{model.prior!r} does not fit the smaller network: {error}"
        ) from error
    own = tensors(network)
    for name, prior in model.latents.items():
        if name not in own and latents.get(name) != prior.shape():
            raise ValueError(
                f"site {name!r} has a number for each unit of a layer, {tuple(prior.shape())}, and shrinking cuts "
                f"weights alone; {model.prior!r} is such a prior, a WeightPrior of one distribution is not"
            )
    return small


def compare(whole: Tensor, small: Tensor, network: nn.Module) -> None:
    """Refuse a smaller network that is another function."""
    if whole.shape == small.shape and bool(
        (whole - small).abs().max() <= CLOSE * whole.abs().max()
    ):
        return
    raise ValueError(f"{unseen(network)} (the smaller network says something else)")


def unseen(network: nn.Module) -> str:
    """Say that a network has a structure that is not understood."""
    return (
        f"the layers of {type(network).__name__} hang together in a way that torch-pruning does not see, so nothing is "
        "taken out; the pruned posterior is right, and its file is small"
    )


def cut_guide(
    posterior: Posterior, small: BayesianNetwork, places: Mapping[str, Tensor]
) -> ScopedGuide | None:
    """Return a guide of independent normals over what is left of the weights; None of any other guide."""
    own, normals = (
        {name: shape for name, shape in posterior.shapes.items() if name in places},
        exact(posterior),
    )
    sites = {name: site_of(name, own) for name in posterior.scoped.tensors()}
    if own.keys() - normals.keys():
        return None
    scoped = posterior.scoped.snapshot(posterior.model)
    cut = {
        name: tensor
        for name, tensor in scoped.tensors().items()
        if sites[name] is not None
    }
    if any(tensor.shape != own[sites[name]] for name, tensor in cut.items()):
        return None
    try:
        scoped.guide.sites = type(posterior.guide)(small).sites
    except TypeError:  # a guide of someone's own, that wants more than a model
        return None
    for name, tensor in cut.items():
        tensor.data = tensor.data.flatten()[places[sites[name]]]
    return scoped
