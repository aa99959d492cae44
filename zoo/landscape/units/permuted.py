"""The same function of a network by hidden units in other places."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from zoo.landscape.points.ends import End, model_of, site_values
from zoo.landscape.units.hidden_units import hidden_units, not_one_function
from zoo.landscape.units.units import moved
from zoo.model import BayesianNetwork
from zoo.posterior.batch_norm import statistics
from zoo.posterior.posterior import Posterior
from zoo.predictive.evaluate import evaluate_draws
from zoo.predictive.inputs import place_inputs
from zoo.runtime.rows import Rows, first

_NUM_INPUTS = 8  # at which two functions are compared
_TOLERANCE = 1e-3


def permuted(end: Posterior, x: Rows) -> dict[str, Tensor]:
    """Return weights of the same function with all hidden units in random order.

    It is a free second end for curves: the network is the same function, and its weights are
    far away. Units of odd activations such as tanh get random signs too. In a residual network
    the channels that skips connect move together.

    References:
        The Role of Permutation Invariance in Linear Mode Connectivity of Neural Networks
            (Entezari, Sedghi, Saukh, Neyshabur, 2022)

    Arguments:
        end: A posterior, which stands for its mean.
        x: Some inputs, at which the network runs to find its units, and at which it is checked
            that the function is the same.

    Raises:
        ValueError: A network with other layers than linear, convolutional and
            batch-normalising ones, or whose units cannot be followed.

    Example:
        >>> other = landscape.permuted(posterior, data.train.x)
        >>> sorted(other)
        ['layer1.bias', 'layer1.weight', 'layer2.bias', 'layer2.weight']
    """
    model = model_of([end])
    groups = hidden_units(model, x)
    values = network_values(end, model)
    found = moved(values, groups, [units.random() for units in groups])
    check_function(model, values, found, x)

    return found


def network_values(end: End, model: BayesianNetwork) -> dict[str, Tensor]:
    """Return the weights of an end by name, with statistics of batch normalisation."""
    buffers = dict(model.network.named_buffers())
    if isinstance(end, Posterior):
        buffers |= end.state

    values = {name: buffers[name] for name in statistics(model.network)}

    return values | dict(site_values(end))


def check_function(
    model: BayesianNetwork,
    values: Mapping[str, Tensor],
    other: Mapping[str, Tensor],
    x: Rows,
) -> None:
    """Refuse other places of units that change the function of the network.

    Raises:
        ValueError: The function is another one.
    """
    if not is_one_function(model, values, other, x):
        raise ValueError(not_one_function(model.network))


def is_one_function(
    model: BayesianNetwork,
    values: Mapping[str, Tensor],
    other: Mapping[str, Tensor],
    x: Rows,
) -> bool:
    """Return whether two sets of weights give the same function, at some inputs."""
    both = {name: torch.stack([values[name], other[name]]) for name in values}
    outputs = evaluate_draws(
        model, both, {}, place_inputs(model, first(x, _NUM_INPUTS))
    )
    gap = (outputs[0] - outputs[1]).abs().max()

    return bool(gap <= _TOLERANCE * outputs.abs().max())
