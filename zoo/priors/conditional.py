"""What a prior of random scale has in common: hyperparameters that are latent sites of their own, drawn first."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor
from torch.distributions import biject_to

from zoo.runtime.distributions import support_of, to

GROUPS = ("layer", "input", "weight")


class Conditional:
    """A treatment whose distribution has random parameters: the sites `prior:layer1.weight.scale` and the like."""

    def hyperpriors(
        self, like: Tensor
    ) -> dict[str, tuple[TorchDistributionMixin, torch.Size]]:
        """Return the distribution of one hyperparameter and the shape of all of them, by name.

        Arguments:
            like: The tensor that the prior is for.
        """
        raise NotImplementedError

    def given(
        self, values: Mapping[str, Tensor], like: Tensor
    ) -> TorchDistributionMixin:
        """Return the distribution of the tensor given its hyperparameters.

        Arguments:
            values: Hyperparameters (*S, *shape) by name; S are the dimensions of
                plates.
            like: The tensor that the prior is for.
        """
        raise NotImplementedError


def checked_group(by: str) -> str:
    """Return the name of a group, or say which there are."""
    if by not in GROUPS:
        raise ValueError(
            f"by is 'layer', 'input' or 'weight', what has a scale of its own, not {by!r}"
        )
    return by


def group_shape(by: str, like: Tensor) -> torch.Size:
    """Return the shape of what each layer, input unit or weight has one of; a vector has no input units."""
    return {"layer": torch.Size(), "input": like.shape[1:2], "weight": like.shape}[by]


def aligned(value: Tensor, by: str, like: Tensor) -> Tensor:
    """Give hyperparameters (*S, *shape) the dimensions of the tensor that they are for, so that they broadcast."""
    shape = group_shape(by, like)
    view = [1] * like.dim()
    if by == "weight":
        view = list(shape)
    elif shape:
        view[1] = shape[0]
    return value.reshape(*value.shape[: value.dim() - len(shape)], *view)


def middle(
    distribution: TorchDistributionMixin, like: Tensor, shape: torch.Size
) -> Tensor:
    """Return the median of a distribution where it has a closed form, else the image of 0 in its support."""
    moved = to(distribution, like)
    try:
        centre = moved.icdf(like.new_tensor(0.5))
    except NotImplementedError:
        centre = biject_to(support_of(moved))(like.new_tensor(0.0))
    return centre.expand(shape)
