"""Channels: which channels of a network have no effect, and the network without them.

torch-pruning finds which layers depend on one another. A group holds the layers that write,
normalise or read the same channels; a channel is removed from all layers of its group.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from zoo.networks.filter_response import FilterResponseNorm
from zoo.priors.node import has_nodes
from zoo.pruning.channel_group import ChannelGroup, Positions
from zoo.pruning.filters import layer_of

if TYPE_CHECKING:
    from torch_pruning.dependency import Group

_NORMALISES_BY_CHANNEL = (_NormBase, FilterResponseNorm)
_IS_OUTPUT = "its outputs are the outputs of the network"


class Removal(NamedTuple):
    """The channels to remove, and why others without weights are kept.

    Arguments:
        channels: The outputs to remove, by layer.
        reasons: Why a layer keeps outputs that have no weights, by the layer's name.
    """

    channels: dict[nn.Module, Tensor]
    reasons: dict[str, str]


class Channels:
    """The channels of a network, and the layers that depend on each of them.

    The elements of the copied network's tensors are their own positions, so that after a
    removal each tensor shows which of its elements are left.

    References:
        DepGraph: Towards Any Structural Pruning (Fang, Ma, Song, Mi, Wang, 2023)

    Arguments:
        network: The network, which does not change.
        x: One input (1, ...) to run it on.

    Raises:
        ImportError: torch-pruning is not installed.
    """

    def __init__(self, network: nn.Module, x: Tensor) -> None:
        try:
            import torch_pruning  # late: an extra
        except ImportError as error:
            raise ImportError(
                "shrinking needs torch-pruning, which is not installed; "
                "write pip install 'bnn-zoo[pruning]'"
            ) from error

        self.network = network
        self.small = copy.deepcopy(network).double().requires_grad_()
        for tensor in named_tensors(self.small).values():
            tensor.data = _positions(tensor)

        self.prefixes = {}
        for name, layer in self.small.named_modules():
            self.prefixes[layer] = f"{name}." if name else ""

        self.output = torch_pruning.ops._OutputOp
        self.graph = torch_pruning.DependencyGraph()
        x = x.double() if x.is_floating_point() else x
        with torch.inference_mode(False), torch.enable_grad():
            self.graph.build_dependency(self.small, (x,), verbose=False)

    def removable(
        self, zero: Mapping[str, Tensor], silent: Mapping[str, Tensor]
    ) -> Removal:
        """Return which outputs of layers can be removed; at least one of each layer stays.

        Arguments:
            zero: Which elements are zero in every draw, by the tensor's name.
            silent: Which inputs of a layer are zero, (I,), by the weight's name.
        """
        channels: dict[nn.Module, Tensor] = {}
        reasons: dict[str, str] = {}
        for members in self.graph.get_all_groups():
            group = self._group(members, zero, silent)
            reasons |= group.reasons()

            chosen = group.removable()
            chosen[0] &= not bool(chosen.all())

            if bool(chosen.any()):
                root = members[0].dep.target.module
                channels[root] = chosen.nonzero()[:, 0]

        return Removal(channels, reasons)

    def without(
        self, channels: Mapping[nn.Module, Tensor]
    ) -> tuple[nn.Module, dict[str, Tensor]]:
        """Remove channels, and return the smaller network and what is left of its tensors.

        Arguments:
            channels: The outputs to remove, by layer.

        Returns:
            The network, and the positions of its elements in the flat tensors of the
            whole network, by name.
        """
        for layer, outputs in channels.items():
            prune_outputs = self.graph.get_pruner_of_module(layer).prune_out_channels
            group = self.graph.get_pruning_group(layer, prune_outputs, outputs.tolist())
            group.prune()

        whole = named_tensors(self.network)
        places = {}
        for name, tensor in named_tensors(self.small).items():
            places[name] = tensor.detach().long().cpu()

            values = whole[name].detach().flatten()
            tensor.data = values[places[name]]
            tensor.requires_grad_(whole[name].requires_grad)

        return self.small.train(self.network.training), places

    def _group(
        self, members: Group, zero: Mapping[str, Tensor], silent: Mapping[str, Tensor]
    ) -> ChannelGroup:
        """Collect what the layers of a group do with their common channels."""
        group = ChannelGroup.of_size(len(members[0].idxs))
        for member in members:
            layer = member.dep.target.module
            names = self._parameter_names(layer)
            group.obstacle = self._obstacle(layer, names, zero)
            if group.obstacle:
                return group

            parameters = [zero[name] for name in names]
            at = Positions(torch.tensor(member.idxs), torch.tensor(member.root_idxs))
            if not has_nodes(layer):
                group.add_normalisation(at, parameters)
                continue

            weight = names[0]
            if self.graph.is_out_channel_pruning_fn(member.dep.handler):
                group.add_writer(at, layer_of(weight), parameters)
            else:
                group.add_reader(at, layer_of(weight), zero[weight], silent[weight])

        if not group.reader:
            group.obstacle = _IS_OUTPUT
        return group

    def _parameter_names(self, layer: nn.Module | nn.Parameter) -> list[str]:
        """Return the names of a layer's parameters, the weight first."""
        if isinstance(layer, nn.Module):
            prefix = self.prefixes.get(layer, "")  # operations have no name
            return [prefix + name for name in dict(layer.named_parameters())]

        names = []
        for name, parameter in self.small.named_parameters():
            if parameter is layer:
                names.append(name)

        return names

    def _obstacle(
        self,
        layer: nn.Module | nn.Parameter,
        names: list[str],
        zero: Mapping[str, Tensor],
    ) -> str:
        """Return why single channels of a layer cannot be removed, "" if they can."""
        if isinstance(layer, self.output):
            return _IS_OUTPUT
        if not names:
            return ""

        if any(name not in zero for name in names):
            return f"{names[0]!r} is shared with another layer"

        if isinstance(layer, nn.Parameter):
            return ""

        layer_name = layer_of(names[0])
        if getattr(layer, "groups", 1) != 1:
            return f"{layer_name!r} is a grouped convolution"

        if has_nodes(layer) or isinstance(layer, _NORMALISES_BY_CHANNEL):
            return ""

        return f"{type(layer).__name__} {layer_name!r} mixes channels"


def named_tensors(network: nn.Module) -> dict[str, Tensor]:
    """Return parameters and buffers by name."""
    parameters = dict(network.named_parameters())
    buffers = dict(network.named_buffers())
    return {**parameters, **buffers}


def _positions(tensor: Tensor) -> Tensor:
    """Return a tensor like the given one, whose elements are 0, 1, 2, ..."""
    number = tensor.numel()
    positions = torch.arange(number, dtype=tensor.dtype, device=tensor.device)
    return positions.reshape(tensor.shape)
