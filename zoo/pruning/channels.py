"""Channels that nothing needs: which can go, and the network without them. What follows what, torch-pruning knows."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from zoo.networks.filter_response import FilterResponseNorm
from zoo.priors.node import has_nodes
from zoo.pruning.filters import owner

BY_CHANNEL = (
    _NormBase,
    FilterResponseNorm,
)  # normalisations that look at no other channel
OUTPUT = "its outputs are the network's own"


class Channels:
    """The channels of a network that hang together: what is taken out of one layer is taken out of all that read it.

    References:
        DepGraph: Towards Any Structural Pruning (Fang, Ma, Song, Mi, Wang, 2023)

    Arguments:
        network: The network, which is not changed.
        x: One input (1, ...) to run it on.
    """

    def __init__(self, network: nn.Module, x: Tensor) -> None:
        try:
            import torch_pruning  # late: an extra
        except ImportError as error:
            raise ImportError(
                "torch-pruning, which knows what follows what in a network, is not installed: "
                "pip install 'bnn-zoo[pruning]'"
            ) from error
        self.network, self.small = (
            network,
            copy.deepcopy(network).double().requires_grad_(),
        )
        self.prefixes = {
            layer: f"{name}." if name else ""
            for name, layer in self.small.named_modules()
        }
        for tensor in tensors(self.small).values():  # numbers become their own places
            tensor.data = torch.arange(
                tensor.numel(), dtype=tensor.dtype, device=tensor.device
            ).reshape(tensor.shape)
        self.graph = torch_pruning.DependencyGraph()
        self.output = torch_pruning.ops._OutputOp
        with torch.inference_mode(False), torch.enable_grad():
            self.graph.build_dependency(
                self.small, (x.double() if x.is_floating_point() else x,), verbose=False
            )

    def unneeded(
        self, zero: Mapping[str, Tensor], silent: Mapping[str, Tensor]
    ) -> tuple[dict[nn.Module, Tensor], dict[str, str]]:
        """Return which outputs of layers can go, and by name why layers keep outputs that have no weights.

        A channel goes if nothing that reads it has a weight for it, or if it has no
        weights and is zero where it is read. One channel of a layer stays.

        Arguments:
            zero: Which numbers are zero in every draw, by the tensor's name.
            silent: Which inputs of a layer are zero, (I,), by the weight's name.
        """
        gone, reasons = {}, {}
        for group in self.graph.get_all_groups():
            chosen, kept = self.decide(group, zero, silent)
            chosen[0] &= not bool(chosen.all())
            if bool(chosen.any()):
                gone[group[0].dep.target.module] = chosen.nonzero()[:, 0]
            reasons |= kept
        return gone, reasons

    def decide(
        self, group: object, zero: Mapping[str, Tensor], silent: Mapping[str, Tensor]
    ) -> tuple[Tensor, dict[str, str]]:
        """Return which channels of a group can go, (O,), and why a layer keeps some of no weights."""
        made, read, heard = torch.zeros(
            3, len(group[0].idxs), dtype=torch.bool
        )  # has numbers; is read; is not zero
        empty, obstacle, reader = {}, "", ""
        for item in group:
            layer, at, root = (
                item.dep.target.module,
                item.idxs,
                torch.tensor(item.root_idxs),
            )
            own = self.own(layer)
            obstacle = obstacle or self.obstacle(layer, own, zero)
            if obstacle:
                continue
            weight = next(iter(own), "")
            if not has_nodes(layer):
                for name in own:
                    made[root[~zero[name].flatten()[at]]] = True
            elif self.graph.is_out_channel_pruning_fn(item.dep.handler):
                rows = [
                    zero[name].flatten(1).all(1) if name == weight else zero[name]
                    for name in own
                ]
                empty[owner(weight)] = root[rows[0][at]]
                made[root[~torch.stack(rows).all(0)[at]]] = True
            else:
                reader, some = (
                    owner(weight),
                    ~zero[weight].transpose(0, 1).flatten(1).all(1),
                )
                read[root[some[at]]] = True
                heard[root[(some & ~silent[weight])[at]]] = True
        obstacle = obstacle or ("" if reader else OUTPUT)
        free = torch.zeros_like(made) if obstacle else ~read | ~(made | heard)
        reasons = {}
        for name, channels in empty.items():
            stays = (
                "its bias, what is added to it or what normalises it stays"
                if bool(made[channels].any())
                else ""
            )
            if not bool(free[channels].all()):
                heeded = f"what an activation or a normalisation makes of nothing is not zero where {reader!r} reads it"
                reasons[name] = obstacle or stays or heeded
        return free, reasons

    def own(self, layer: nn.Module | nn.Parameter) -> list[str]:
        """Return the names of a layer's parameters, the weight first."""
        if isinstance(layer, nn.Parameter):
            return [
                name
                for name, parameter in self.small.named_parameters()
                if parameter is layer
            ]
        return [self.prefixes[layer] + name for name, _ in layer.named_parameters()]

    def obstacle(
        self,
        layer: nn.Module | nn.Parameter,
        own: list[str],
        zero: Mapping[str, Tensor],
    ) -> str:
        """Say what is in the way of taking single channels out, "" if nothing is."""
        if isinstance(layer, self.output):
            return OUTPUT
        if any(name not in zero for name in own):
            return f"{own[0]!r} is shared with another layer"
        if getattr(layer, "groups", 1) != 1:
            return f"{owner(own[0])!r} is a convolution of groups"
        known = (
            has_nodes(layer)
            or isinstance(layer, (*BY_CHANNEL, nn.Parameter))
            or not own
        )
        return (
            ""
            if known
            else f"{type(layer).__name__} {owner(own[0])!r} looks at other channels too"
        )

    def without(
        self, gone: Mapping[nn.Module, Tensor]
    ) -> tuple[nn.Module, dict[str, Tensor]]:
        """Return the network without channels, and the places of what is left in the tensors as they were, by name."""
        for layer, channels in gone.items():
            function = self.graph.get_pruner_of_module(layer).prune_out_channels
            self.graph.get_pruning_group(layer, function, channels.tolist()).prune()
        places = {
            name: tensor.detach().long().cpu()
            for name, tensor in tensors(self.small).items()
        }
        like = tensors(self.network)
        for name, tensor in tensors(self.small).items():
            tensor.data = like[name].detach().flatten()[places[name]]
            tensor.requires_grad_(like[name].requires_grad)
        return self.small.train(self.network.training), places


def tensors(network: nn.Module) -> dict[str, Tensor]:
    """Return parameters and buffers by name."""
    return {**dict(network.named_parameters()), **dict(network.named_buffers())}
