"""The hidden units of a chain of layers, and permutations of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from zoo.landscape.ends import End, model_of, site_values
from zoo.model import BayesianNetwork
from zoo.posterior.batch_norm import statistics
from zoo.posterior.posterior import Posterior
from zoo.predictive.evaluate import evaluate_draws
from zoo.predictive.inputs import place_inputs
from zoo.runtime.rows import Rows, first

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_NUM_INPUTS = 8  # at which two functions are compared
_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Axis:
    """A dimension of a tensor along which the hidden units of a layer are arranged.

    Arguments:
        name: Name of the tensor.
        dim: The dimension.
        repeats: Number of neighbouring entries of each unit, e.g. pixels of a channel.
    """

    name: str
    dim: int
    repeats: int = 1

    def permuted(self, value: Tensor, order: Tensor) -> Tensor:
        """Return the tensor with its units in another order."""
        entries = order[:, None] * self.repeats + torch.arange(self.repeats).to(order)

        return value.index_select(self.dim, entries.flatten().to(value.device))

    def by_unit(self, value: Tensor) -> Tensor:
        """Return the tensor as a matrix with a row for each unit."""
        moved = value.movedim(self.dim, 0)
        num_units = len(moved) // self.repeats

        return moved.reshape(num_units, -1)


@dataclass(frozen=True)
class HiddenLayer:
    """The hidden units of one layer, and all places where they stand.

    Arguments:
        size: Number of units.
        axes: The places.
    """

    size: int
    axes: Sequence[Axis]


def hidden_layers(model: BayesianNetwork) -> list[HiddenLayer]:
    """Return the hidden layers of a chain of linear, convolutional and normalising layers.

    Arguments:
        model: The model, whose weights and biases are all random.

    Raises:
        ValueError: Another kind of layer with weights.
    """
    layers: list[tuple[str, nn.Module]] = []
    norms: dict[int, list[str]] = {}
    for name, module in model.network.named_modules():
        if isinstance(module, (nn.Linear, *_CONVOLUTIONS)):
            layers.append((name, module))
        elif isinstance(module, _BatchNorm) and layers:
            norms.setdefault(len(layers) - 1, []).append(name)
        elif next(module.parameters(recurse=False), None) is not None:
            raise ValueError(_no_chain(model, f"{name} is {type(module).__name__}"))

    found = []
    for number, ((name, layer), (following, after)) in enumerate(pairwise(layers)):
        size = len(layer.weight)
        repeats, rest = divmod(after.weight.shape[1], size)
        if rest or getattr(after, "groups", 1) != 1:
            raise ValueError(_no_chain(model, f"{following} does not follow {name}"))

        tensors = [(name, ("weight", "bias"))]
        for norm in norms.get(number, []):
            keys = ("weight", "bias", "running_mean", "running_var")
            tensors.append((norm, keys))

        axes = _axes(model.network, tensors)
        axes.append(Axis(f"{following}.weight", 1, repeats))
        found.append(HiddenLayer(size, axes))

    if not found:
        raise ValueError(_no_chain(model, "there is no hidden layer"))

    return found


def permute(
    values: Mapping[str, Tensor],
    layers: Sequence[HiddenLayer],
    orders: Sequence[Tensor],
) -> dict[str, Tensor]:
    """Return weights with the units of all hidden layers in another order.

    Arguments:
        values: Weights and statistics of batch normalisation by name.
        layers: The hidden layers.
        orders: The old position of each unit, a vector for each layer.
    """
    found = dict(values)
    for layer, order in zip(layers, orders, strict=True):
        for axis in layer.axes:
            if axis.name in found:
                found[axis.name] = axis.permuted(found[axis.name], order)

    return found


def chain_values(end: End, model: BayesianNetwork) -> dict[str, Tensor]:
    """Return the weights of an end by name, with statistics of batch normalisation."""
    buffers = dict(model.network.named_buffers())
    if isinstance(end, Posterior):
        buffers |= end.state

    values = {name: buffers[name] for name in statistics(model.network)}

    return values | dict(site_values(end))


def permuted(end: Posterior, x: Rows) -> dict[str, Tensor]:
    """Return weights of the same function with all hidden units in random order.

    It is a free second end for curves: the network is the same function, and its weights are
    far away.

    References:
        The Role of Permutation Invariance in Linear Mode Connectivity of Neural Networks
            (Entezari, Sedghi, Saukh, Neyshabur, 2022)

    Arguments:
        end: A posterior, which stands for its mean.
        x: Some inputs, at which it is checked that the function is the same.

    Raises:
        ValueError: A network that is not a chain of layers.

    Example:
        >>> other = landscape.permuted(posterior, data.train.x)
        >>> sorted(other)
        ['layer1.bias', 'layer1.weight', 'layer2.bias', 'layer2.weight']
    """
    model = model_of([end])
    layers = hidden_layers(model)
    orders = [torch.randperm(layer.size) for layer in layers]
    values = chain_values(end, model)
    found = permute(values, layers, orders)
    check_function(model, values, found, x)

    return found


def check_function(
    model: BayesianNetwork,
    values: Mapping[str, Tensor],
    other: Mapping[str, Tensor],
    x: Rows,
) -> None:
    """Refuse a permutation that changes the function of the network.

    Raises:
        ValueError: The network is no chain of its layers.
    """
    if not is_one_function(model, values, other, x):
        raise ValueError(
            _no_chain(model, "a permutation of hidden units changes its function")
        )


def is_one_function(
    model: BayesianNetwork,
    values: Mapping[str, Tensor],
    other: Mapping[str, Tensor],
    x: Rows,
) -> bool:
    """Return whether two weight vectors give the same outputs at the first few inputs."""
    both = {name: torch.stack([values[name], other[name]]) for name in values}
    outputs = evaluate_draws(
        model, both, {}, place_inputs(model, first(x, _NUM_INPUTS))
    )
    gap = (outputs[0] - outputs[1]).abs().max()

    return bool(gap <= _TOLERANCE * outputs.abs().max())


def _axes(
    network: nn.Module, tensors: Sequence[tuple[str, Sequence[str]]]
) -> list[Axis]:
    """Return the axes of the units themselves: those of weights and biases of some layers."""
    axes = []
    for name, keys in tensors:
        layer = network.get_submodule(name)
        for key in keys:
            if getattr(layer, key, None) is not None:
                axes.append(Axis(f"{name}.{key}" if name else key, 0))

    return axes


def _no_chain(model: BayesianNetwork, reason: str) -> str:
    """Return the message about a network whose units are not permuted."""
    family = type(model.network).__name__

    return (
        "units are permuted in plain chains of linear, convolutional and batch-normalising "
        f"layers, without skips or groups, but in {family} {reason}; connect the ends as they are"
    )
