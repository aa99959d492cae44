"""A plain trained network: a copy of the model's network with the means of a posterior."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from zoo.model import BayesianNetwork
from zoo.runtime.network_call import copied, places


def mean_network(model: BayesianNetwork, values: Mapping[str, Tensor]) -> nn.Module:
    """Return a copy of the network with other values; parameters can be trained on.

    Nodes multiply the weights of their layers. Tied tensors stay tied, unless the nodes of
    their layers differ.

    Arguments:
        model: The model.
        values: A value of every random tensor and node, and of the point estimates, frozen
            weights and buffers that differ from those of the network.

    Raises:
        ValueError: Nodes multiply a weight that is no parameter but computed from some.
    """
    network = model.network
    _refuse_computed_weights(model)

    with torch.no_grad():
        tensors = model.plan.tensors(network, values)

    copy = copied(network)
    replaced: dict[int, nn.Parameter] = {}
    for place in places(copy):
        _replace(copy, place, tensors[place], replaced)

    return copy


def random_tensors(model: BayesianNetwork) -> list[str]:
    """Return the names of the random tensors and nodes of a network."""
    return model.plan.originals(model.network)


def _replace(
    network: nn.Module, place: str, value: Tensor, replaced: dict[int, nn.Parameter]
) -> None:
    """Put a copy of a value into one place of a network.

    Arguments:
        network: The network.
        place: The name of the parameter or buffer.
        value: The value.
        replaced: The new parameters so far by the identities of their values; one that is
            tied is found there.
    """
    path, _, key = place.rpartition(".")
    layer = network.get_submodule(path)
    own = getattr(layer, key)
    if not isinstance(own, nn.Parameter):
        setattr(layer, key, value.detach().clone())
        return

    identity = id(value)
    if identity not in replaced:
        new = value.detach().clone()
        replaced[identity] = nn.Parameter(new, requires_grad=own.requires_grad)

    setattr(layer, key, replaced[identity])


def _refuse_computed_weights(model: BayesianNetwork) -> None:
    """Refuse nodes of a weight that the network computes, e.g. by `weight_norm`."""
    own = places(model.network)
    for name, nodes in model.plan.nodes.items():
        if nodes.weight not in own:
            raise ValueError(
                f"the nodes {name!r} multiply {nodes.weight!r}, which the network computes from "
                "other tensors, so a plain network cannot hold the product; use posterior.predict"
            )
