"""The base of priors of random scale, whose hyperparameters are latent sites of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor
from torch.distributions import biject_to

from zoo.runtime.distributions import median, support_of, to

Group = Literal["layer", "input", "weight"]


class Hyperprior(NamedTuple):
    """The distribution of one hyperparameter, and the shape of all of that name."""

    distribution: TorchDistributionMixin
    shape: torch.Size


class Conditional:
    """A treatment whose distribution has random parameters.

    They are sites of their own: `prior:layer1.weight.scale` and the like.

    Attributes:
        centred: Whether the tensor is a site given its parameters. Otherwise a standardised
            tensor is, `layer1.weight_decentered`, from which the tensor is computed.
    """

    centred: bool = True

    def hyperpriors(self, like: Tensor) -> dict[str, Hyperprior]:
        """Return the priors of the hyperparameters by name, e.g. "scale".

        Arguments:
            like: The tensor that the prior is for.
        """
        raise NotImplementedError

    def parameters(self, like: Tensor) -> dict[str, Tensor]:
        """Return initial values of the hyperparameters that a fit optimises, by name.

        Arguments:
            like: The tensor that the prior is for.
        """
        return {}

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

    def initial(self, like: Tensor) -> TorchDistributionMixin:
        """Return the distribution of the tensor at the initial values of its hyperparameters.

        Arguments:
            like: The tensor that the prior is for.
        """
        values = self.parameters(like)
        for key, (distribution, shape) in self.hyperpriors(like).items():
            values[key] = initial_value(distribution, like, shape)

        return self.given(values, like)


def check_group(by: str) -> None:
    """Refuse an unknown group of weights that share a hyperparameter."""
    if by not in get_args(Group):
        raise ValueError(f"by must be 'layer', 'input' or 'weight', not {by!r}")


def group_shape(by: Group, like: Tensor) -> torch.Size:
    """Return the shape of one hyperparameter for each layer, input unit or weight of a tensor.

    A vector, such as a bias, has no input units: it has one hyperparameter.
    """
    if by == "layer":
        return torch.Size()
    if by == "input":
        return like.shape[1:2]

    return like.shape


def aligned(value: Tensor, by: Group, like: Tensor) -> Tensor:
    """Reshape hyperparameters (*S, *shape) so that they broadcast with their tensor."""
    shape = group_shape(by, like)
    num_leading = value.dim() - len(shape)
    leading = value.shape[:num_leading]

    if by == "weight":
        return value.reshape((*leading, *like.shape))

    view = [1] * like.dim()
    if len(shape) > 0:
        view[1] = shape[0]

    return value.reshape((*leading, *view))


def normal_given_scale(
    loc: float, scale: Tensor, like: Tensor
) -> TorchDistributionMixin:
    """Return the normal distribution of a tensor with given scales.

    Arguments:
        loc: Mean of every element.
        scale: Standard deviations that broadcast with the tensor, (*S, ...).
        like: The tensor that the distribution is for.
    """
    num_leading = scale.dim() - like.dim()
    leading = scale.shape[:num_leading]

    expanded = scale.expand((*leading, *like.shape))

    return dist.Normal(loc, expanded).to_event(like.dim())


def initial_value(
    distribution: TorchDistributionMixin, like: Tensor, shape: torch.Size
) -> Tensor:
    """Return the median of a distribution; if it is not known, the image of 0 in the support.

    Arguments:
        distribution: Distribution of one hyperparameter.
        like: A tensor of the device and dtype of the result.
        shape: Shape of the result.
    """
    moved = to(distribution, like)
    value = median(moved)
    if value is None:
        value = biject_to(support_of(moved))(like.new_tensor(0.0))

    return value.expand(shape)
