"""The ends of a landscape: posteriors, or dictionaries of weights, as locations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from zoo.landscape.points.location import Location
from zoo.landscape.points.target import Target
from zoo.model import BayesianNetwork
from zoo.posterior.posterior import Posterior

End = Posterior | Mapping[str, Tensor]
"""A posterior, which stands for its mean (the mode of `guides.Delta` or Laplace), or the
weights themselves by name."""


def model_of(ends: Sequence[End]) -> BayesianNetwork:
    """Return the model of the first posterior among the ends.

    Raises:
        TypeError: An end of another type.
        ValueError: No end is a posterior; or one has no weights.
    """
    models = []
    for end in ends:
        if isinstance(end, Posterior):
            models.append(end.require_weights("a landscape needs weights of a network"))
        elif not isinstance(end, Mapping):
            raise TypeError(
                "a landscape is between posteriors or dictionaries of weights, not "
                f"{type(end).__name__}; write engine.fit(data) or network.state_dict()"
            )

    if not models:
        raise ValueError(
            "a landscape needs a posterior, whose model has the prior and the likelihood, but "
            "all ends are dictionaries of weights; give one as a posterior"
        )

    return models[0]


def locations(ends: Sequence[End], target: Target) -> list[Location]:
    """Return the ends as locations, and check that they are of the model of the target.

    Statistics and point estimates that an end does not have are those of the first end that has
    them.

    Raises:
        ValueError: An end without a site of the model, or of another shape.
    """
    carried: dict[str, Tensor] = {}
    for end in reversed(ends):
        carried |= _buffers(end, target)

    found = []
    for end in ends:
        q = target.potential.pack(_checked(site_values(end), target))
        buffers = carried | _buffers(end, target)
        found.append(Location(q, buffers))

    return found


def site_values(end: End) -> Mapping[str, Tensor]:
    """Return the value of every site of an end, by name."""
    return end.means() if isinstance(end, Posterior) else end


def _buffers(end: End, target: Target) -> dict[str, Tensor]:
    """Return the statistics of batch normalisation and the point estimates that an end has."""
    state: Any = end.state if isinstance(end, Posterior) else end
    like = target.model.first_parameter

    return {name: state[name].to(like) for name in target.carried if name in state}


def _checked(values: Mapping[str, Tensor], target: Target) -> dict[str, Tensor]:
    """Return the values of the sites of the model."""
    found = {}
    for name, prior in target.model.latents.items():
        shape = tuple(prior.shape())
        given = tuple(values[name].shape) if name in values else "none"
        if given != shape:
            raise ValueError(
                f"every end must have the sites of one model, but {name} has shape {shape} in "
                f"the model and {given} in an end; give ends of one network and prior"
            )

        found[name] = torch.as_tensor(values[name]).detach()

    return found
