"""The random weights of the Laplace approximation, and their normal prior as two vectors."""

from __future__ import annotations

from collections.abc import Collection

import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

from zoo.inference.laplace.requirements import normal_of
from zoo.model import BayesianNetwork
from zoo.runtime.fixed_rows import InsertRows, fixed_rows
from zoo.runtime.network_call import places


def random_weights(model: BayesianNetwork, layers: str) -> list[str]:
    """Return the names of the random weights, in the order of the network.

    Arguments:
        model: The model.
        layers: "all", or "last" for the last layer that has random weights.
    """
    latents = model.latents
    names = []
    for name, _ in model.network.named_parameters():
        if name in latents:
            names.append(name)

    if layers == "all":
        return names

    last_layer = _layer_of(names[-1])
    return [name for name in names if _layer_of(name) == last_layer]


def prior_vectors(
    model: BayesianNetwork, names: list[str], structure: str
) -> tuple[Tensor, Tensor]:
    """Return the mean (P,) and the precision of the normal prior.

    The precision has one element for each parameter, (P,), or one for each tensor if the
    structure is "kron".

    Arguments:
        model: The model.
        names: The names of the random weights.
        structure: The structure of the curvature.

    Raises:
        ValueError: Kronecker factors, and a tensor with several prior scales or a layer
            of which only some tensors are random.
    """
    latents = model.latents
    means, precisions = [], []
    for name in names:
        loc, scale = _moments(name, latents[name])
        means.append(loc.flatten())
        precisions.append(scale.flatten().square().reciprocal())

    mean = torch.cat(means)
    if structure != "kron":
        return mean, torch.cat(precisions)

    for name, precision in zip(names, precisions, strict=True):
        if bool((precision != precision[0]).any()):
            raise ValueError(
                f"with structure='kron' a tensor has one prior scale, but {name} has several; "
                "use structure='diag' or 'full'"
            )

    _check_whole_layers(model, names)
    return mean, torch.stack([precision[0] for precision in precisions])


def _moments(name: str, prior: TorchDistributionMixin) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of a prior.

    A row of padding has no curvature. With its value as the mean, and any standard
    deviation, it adds nothing to the log marginal likelihood.
    """
    normal = normal_of(name, prior)
    if not fixed_rows(prior):
        return normal.loc, normal.scale

    support = prior.support
    insert = InsertRows(support.rows, normal.scale[: len(support.rows)], support.free)

    return prior.mean, insert(normal.scale)


def _layer_of(name: str) -> str:
    return name.rpartition(".")[0]


def _check_whole_layers(model: BayesianNetwork, names: Collection[str]) -> None:
    """Check that of every layer all tensors are random, or none, and that none is computed."""
    for place, name in places(model.network).items():
        is_computed = ".parametrizations." in f".{name}" or place != name
        if is_computed and name in names:
            raise ValueError(
                f"with structure='kron' a weight belongs to one layer, but {name} is tied or "
                "parametrised; use structure='diag' or 'full'"
            )

    for layer, module in model.network.named_modules():
        prefix = f"{layer}." if layer else ""
        is_random = []
        for key, _ in module.named_parameters(recurse=False):
            is_random.append(prefix + key in names)

        if any(is_random) and not all(is_random):
            raise ValueError(
                f"with structure='kron' a layer is random as a whole, but in "
                f"{layer or 'the network'} only some tensors are; use structure='diag' or 'full'"
            )
