"""A call of a network with other tensors than its own, which leaves the network as it was."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils.parametrize import ParametrizationList, is_parametrized
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

Network = TypeVar("Network", bound=nn.Module)
Factor = Callable[[Tensor], Tensor]  # multiplies a weight


def places(network: nn.Module) -> dict[str, str]:
    """Return the name of the tensor that stands in each place of a network, by place.

    A tied tensor stands in several places. Its name is that of the first, as in
    `network.named_parameters()`. A module that is used under two names is one module.

    Arguments:
        network: The network.
    """
    found: dict[str, str] = {}
    names: dict[int, str] = {}
    for layer, module in network.named_modules():
        prefix = f"{layer}." if layer else ""
        for key, tensor in [*module._parameters.items(), *module._buffers.items()]:
            if tensor is not None:
                place = prefix + key
                found[place] = names.setdefault(id(tensor), place)

    return found


def call(
    network: nn.Module,
    tensors: Mapping[str, Tensor],
    arguments: tuple[Any, ...],
    keywords: Mapping[str, Any],
    factors: Mapping[str, Sequence[Factor]] | None = None,
) -> Any:
    """Call a network with other tensors.

    Arguments:
        network: The network.
        tensors: A tensor for each place.
        arguments: Arguments of the network.
        keywords: Keyword arguments of the network.
        factors: What multiplies weights that `torch.nn.utils.parametrize` computes, by
            the name of the weight.
    """
    with _unwritten(network), _multiplied(network, factors or {}):
        return functional_call(
            network, dict(tensors), arguments, dict(keywords), tie_weights=False
        )


def parametrisations(network: nn.Module, weight: str) -> ParametrizationList | None:
    """Return what computes a weight, None if it is a parameter itself.

    Arguments:
        network: The network.
        weight: Name of the weight, such as "layer1.weight".
    """
    path, _, key = weight.rpartition(".")
    layer = network.get_submodule(path)
    if not is_parametrized(layer, key):
        return None

    return layer.parametrizations[key]  # type: ignore[index, return-value]


def recomputed(layer: nn.Module) -> list[str]:
    """Return the attributes that an old `nn.utils.weight_norm` or `spectral_norm` sets anew.

    Arguments:
        layer: The layer.
    """
    hooks = layer._forward_pre_hooks.values()
    return [hook.name for hook in hooks if isinstance(hook, (WeightNorm, SpectralNorm))]


def copied(module: Network) -> Network:
    """Return a deep copy of a module, whose computed attributes have no gradient.

    Torch does not copy a tensor that has been computed with a gradient.

    Arguments:
        module: A network, or a module with one inside.
    """
    with _unwritten(module):
        for layer in module.modules():
            for key in recomputed(layer):
                setattr(layer, key, getattr(layer, key).detach())

        return copy.deepcopy(module)


@contextmanager
def _unwritten(network: nn.Module) -> Iterator[None]:
    """Set the attributes that a call of the network computes back to what they were."""
    before = []
    for layer in network.modules():
        for key in recomputed(layer):
            before.append((layer, key, getattr(layer, key)))

    try:
        yield
    finally:
        for layer, key, value in before:
            setattr(layer, key, value)


@contextmanager
def _multiplied(
    network: nn.Module, factors: Mapping[str, Sequence[Factor]]
) -> Iterator[None]:
    """Multiply computed weights after their parametrisations, for the time of a call."""
    lists = []
    for weight, of_weight in factors.items():
        steps = parametrisations(network, weight)
        if steps is not None:
            lists.extend([(steps, factor) for factor in of_weight])

    for steps, factor in lists:
        steps.append(_Product(factor))

    try:
        yield
    finally:
        for steps, _ in reversed(lists):
            del steps[-1]


class _Product(nn.Module):
    """The last step of a parametrisation: a product.

    Arguments:
        factor: Multiplies a weight.
    """

    def __init__(self, factor: Factor) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, weight: Tensor) -> Tensor:
        """Return the product."""
        return self.factor(weight)
