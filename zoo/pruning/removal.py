"""Removal: remove the channels of a pruned network that have no effect, until none is left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from zoo.posterior.posterior import Posterior
from zoo.predictive.inputs import evaluate_once
from zoo.priors.node import has_nodes
from zoo.pruning.channels import Channels
from zoo.runtime.modes import evaluation_mode

_FAILURES = (
    AttributeError,
    AssertionError,
    LookupError,
    NotImplementedError,
    RuntimeError,
    TypeError,
)


class SmallerNetwork(NamedTuple):
    """A smaller network, and the elements of the whole network that are left.

    Arguments:
        network: The smaller network.
        places: As for `Cut`.
    """

    network: nn.Module
    places: dict[str, Tensor]


def remove_channels(
    posterior: Posterior, draws: Mapping[str, Tensor], x: Tensor
) -> SmallerNetwork:
    """Return the network without the channels that have no effect.

    Arguments:
        posterior: A pruned posterior.
        draws: One draw of every site, (1, *shape) each, by name.
        x: Inputs, (N, ...).
    """
    model = posterior.model

    draw = {name: value[0] for name, value in draws.items()}
    sites = {**posterior.state, **draw}
    try:
        values = model.plan.tensors(model.network, sites)
        evaluate_once(model, sites, x)  # refuses inputs that the network does not take
        zero = _zero_in_every_draw(values, draw, posterior.masks)
        return _remove_until_none(model.network, values, zero, x)
    except _FAILURES as error:
        raise ValueError(
            f"{not_understood(model.network)} ({type(error).__name__}: {error})"
        ) from error


def _zero_in_every_draw(
    values: Mapping[str, Tensor],
    draw: Mapping[str, Tensor],
    masks: Mapping[str, Tensor],
) -> dict[str, Tensor]:
    """Return which elements of a network's tensors are zero in every draw, by name.

    Arguments:
        values: The network's tensors for one draw, by name.
        draw: The random ones among them; they are zero where a mask says so.
        masks: Which elements are kept, by site.
    """
    zero = {}
    for name, value in values.items():
        if name not in draw:
            is_zero = value == 0
        elif name in masks:
            is_zero = ~masks[name]
        else:
            is_zero = torch.zeros_like(value, dtype=torch.bool)

        zero[name] = is_zero.cpu()

    return zero


def _remove_until_none(
    network: nn.Module,
    values: Mapping[str, Tensor],
    zero: Mapping[str, Tensor],
    x: Tensor,
) -> SmallerNetwork:
    """Remove channels that have no effect until there are none.

    Arguments:
        network: The network.
        values: Its tensors for one draw, by name.
        zero: Which elements are zero in every draw, by name.
        x: Inputs, (N, ...).
    """
    places: dict[str, Tensor] = {}
    while True:
        channels = Channels(network, x[:1])
        silent = _silent_inputs(network, values, x)
        removal = channels.removable(zero, silent)

        if not removal.channels and not places:
            _refuse(network, removal.reasons)
        if not removal.channels:
            return SmallerNetwork(network, places)

        network, left = channels.without(removal.channels)
        values = _select(values, left)
        zero = _select(zero, left)
        places = _select(places, left) if places else left


def _select(
    values: Mapping[str, Tensor], places: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return the elements of flat tensors at the given places, by name."""
    selected = {}
    for name, value in values.items():
        selected[name] = value.flatten()[places[name]]

    return selected


def _silent_inputs(
    network: nn.Module, values: Mapping[str, Tensor], x: Tensor
) -> dict[str, Tensor]:
    """Return which inputs of linear and convolution layers are zero at all x, by weight.

    Arguments:
        network: The network.
        values: Its parameters and buffers, by name.
        x: Inputs of the network, (N, ...).

    Returns:
        Whether each input of a layer is zero, (I,), by the name of the layer's weight.
    """
    silent: dict[str, Tensor] = {}

    def watch(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        value = inputs[0]
        channel_dim = value.dim() - 1 if isinstance(layer, nn.Linear) else 1
        by_channel = value.transpose(0, channel_dim).flatten(1)
        silent[weights[layer]] = (by_channel == 0).all(1).cpu()

    weights: dict[nn.Module, str] = {}
    hooks = []
    for name, layer in network.named_modules():
        if has_nodes(layer):
            weights[layer] = f"{name}.weight"
            hooks.append(layer.register_forward_pre_hook(watch))

    try:
        with torch.no_grad(), evaluation_mode(network):
            functional_call(network, dict(values), (x,))
    finally:
        for hook in hooks:
            hook.remove()

    return silent


def _refuse(network: nn.Module, reasons: Mapping[str, str]) -> None:
    """Raise an error that says why no channel can be removed."""
    name = type(network).__name__
    if not reasons:
        raise ValueError(
            f"no filter or unit of {name} was dropped whole, so there is nothing to "
            "shrink; write prune(posterior, fraction=0.5, rule=filter_norm, per_layer=True), "
            "which drops half of the units of each layer"
        )

    layer, reason = next(iter(reasons.items()))
    num_others = len(reasons) - 1
    others = f" ({num_others} other layers too)" if num_others else ""
    raise ValueError(
        f"no filter or unit of {name} can be removed: {layer!r} keeps those without weights "
        f"because {reason}{others}"
    )


def not_understood(network: nn.Module) -> str:
    """Return the message about a network whose structure torch-pruning misses."""
    return (
        f"the layers of {type(network).__name__} depend on one another in a way that "
        "torch-pruning does not find, so nothing is removed; the pruned posterior is "
        "right, and its file is small"
    )
