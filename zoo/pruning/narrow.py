"""A network as narrow as the one whose posterior lies in a file."""

from __future__ import annotations

import ast
import copy
from pathlib import Path

from torch import nn

from zoo.posterior.file_format import read_posterior
from zoo.pruning.channels import tensors

SIZES = {
    "in_features": 1,
    "out_features": 0,
    "in_channels": 1,
    "out_channels": 0,
    "num_features": 0,
}


def narrow(network: nn.Module, path: str | Path) -> nn.Module:
    """Return a copy of a network as narrow as the shrunk one whose posterior lies in a file, for `zoo.load` to read it.

    Needs no other library. What the weights are does not matter, for the posterior
    brings its own.

    Arguments:
        network: A network as it was before `shrink`, freshly built say.
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
    header, _ = read_posterior(Path(path))
    shapes = {
        name: ast.literal_eval(words[words.index("(") :])
        for name, words in header["tensors"].items()
    }
    small = copy.deepcopy(network)
    for name, tensor in tensors(small).items():
        shape, own = shapes.get(name), tuple(tensor.shape)
        if (
            shape is None
            or len(shape) != len(own)
            or any(new > old for new, old in zip(shape, own, strict=True))
        ):
            raise ValueError(
                f"{path} is about another network: {name!r} is {shape or 'not'} there and {own} in "
                f"{type(network).__name__}; build the network that was pruned"
            )
        tensor.data = tensor.data[tuple(slice(size) for size in shape)].clone()
    for layer in small.modules():
        for name, side in SIZES.items():
            if (
                hasattr(layer, name)
                and layer.weight is not None
                and getattr(layer, "groups", 1) == 1
            ):
                setattr(layer, name, layer.weight.shape[side])
    return small
