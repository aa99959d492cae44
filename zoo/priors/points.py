"""The statements of point estimates: `pyro.param`, and the log density of a MAP prior."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import pyro
from pyro.poutine.runtime import am_i_wrapped
from torch import Tensor, nn

from zoo.priors.padding import paddings, prior_of
from zoo.priors.treatment import Point, Treatment
from zoo.runtime.distributions import unvalidated


def state_points(
    treatments: Mapping[str, Treatment], network: nn.Module
) -> dict[str, Tensor]:
    """State each point estimate by `pyro.param`, and its MAP prior by `pyro.factor`.

    Arguments:
        treatments: Treatments by parameter name.
        network: The network, which has the initial values.
    """
    parameters = dict(network.named_parameters())
    padded = paddings(network)
    points = {}
    for name, treatment in treatments.items():
        if not isinstance(treatment, Point):
            continue

        parameter = parameters[name]
        point = pyro.param(name, partial(_copy, parameter))
        if name in padded:
            point = padded[name].restored(point)
        points[name] = point

        if treatment.prior is not None and am_i_wrapped():
            prior = unvalidated(prior_of(treatment.prior, parameter, name, padded))
            pyro.factor(f"{name}:prior", prior.log_prob(point))

    return points


def _copy(tensor: Tensor) -> Tensor:
    return tensor.detach().clone()
