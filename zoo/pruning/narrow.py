"""Narrow: a copy of a network with the widths of the shrunk network that a file is about."""

from __future__ import annotations

import ast
import copy
from pathlib import Path

from torch import nn

from zoo.posterior.file_format import read_posterior
from zoo.pruning.channels import named_tensors

_WEIGHT_DIMS = {  # the dimension of the weight that an attribute of a layer is the size of
    "in_features": 1,
    "out_features": 0,
    "in_channels": 1,
    "out_channels": 0,
    "num_features": 0,
}


def narrow(network: nn.Module, path: str | Path) -> nn.Module:
    """Return a copy of a network as narrow as the shrunk one in a file, for `zoo.load`.

    torch-pruning is not needed. The values of the weights do not matter, because
    `zoo.load` replaces them.

    Arguments:
        network: The network before `shrink`, e.g. newly built.
        path: A file that the shrunk posterior's `save` wrote.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is about another network.

    Example:
        >>> from zoo.pruning import filter_norm, narrow, prune, shrink
        >>> half = prune(posterior, fraction=0.5, rule=filter_norm, per_layer=True)
        >>> shrink(half, data.test.x).save(folder / "small.safetensors")
        >>> narrow(networks.MLP(6, 1, hidden=[10]), folder / "small.safetensors").layer1
        Linear(in_features=6, out_features=5, bias=True)
    """
    shapes = _shapes_in_file(Path(path))

    small = copy.deepcopy(network)
    for name, tensor in named_tensors(small).items():
        shape = shapes.get(name)
        own = tuple(tensor.shape)

        if shape is None or not _fits(shape, own):
            raise ValueError(
                f"{path} is about another network: {name!r} is {shape or 'not'} there "
                f"and {own} in {type(network).__name__}; build the network that was pruned"
            )

        first = tuple(slice(size) for size in shape)
        tensor.data = tensor.data[first].clone()

    for layer in small.modules():
        _set_sizes(layer)
    return small


def _shapes_in_file(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the tensors that a file describes, by name."""
    header, _ = read_posterior(path)
    shapes = {}
    for name, description in header["tensors"].items():
        start = description.index("(")
        shapes[name] = ast.literal_eval(description[start:])

    return shapes


def _fits(shape: tuple[int, ...], whole: tuple[int, ...]) -> bool:
    """Return whether a shape has as many dimensions as a whole one, and none that is larger."""
    if len(shape) != len(whole):
        return False

    return all(new <= old for new, old in zip(shape, whole, strict=True))


def _set_sizes(layer: nn.Module) -> None:
    """Set the attributes of a layer that state the size of its weight."""
    weight = getattr(layer, "weight", None)
    if weight is None or getattr(layer, "groups", 1) != 1:
        return

    for name, dim in _WEIGHT_DIMS.items():
        if hasattr(layer, name):
            setattr(layer, name, weight.shape[dim])
