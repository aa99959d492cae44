"""Draws of a network whose hidden units have one order and one sign in all draws."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import torch
from pyro import poutine
from torch import Tensor

from zoo.landscape.units.hidden_units import hidden_units, not_one_function
from zoo.landscape.units.label_assignment import (
    Law,
    Places,
    best_places,
    with_places,
)
from zoo.landscape.units.units import Axis, UnitGroup
from zoo.model import BayesianNetwork
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.function_posterior import FunctionPosterior
from zoo.posterior.posterior import Posterior
from zoo.posterior.thinning import evenly
from zoo.predictive.evaluate import evaluate_draws
from zoo.predictive.inputs import place_inputs
from zoo.runtime.rows import Rows, first

_MOST_SWEEPS = 20
_NUM_CHECKED = 8  # draws and inputs at which functions and densities are compared
_TOLERANCE = 1e-3


def relabelled(posterior: Posterior, x: Rows) -> DrawsPosterior:
    r"""Give the hidden units of all draws one order and one sign, so that weights compare.

    .. math:: W_2 \, \phi(W_1 x + b_1) = W_2 S^\top P^\top \, \phi(P S W_1 x + P S b_1)

    for permutations P of units and, if the activation is odd such as tanh, signs S. The
    functions of all draws, their likelihood and their density under the prior are the same.
    A sampler that visits one of these H! 2^H copies tells everything, but chains in different
    copies disagree on weights: R-hat of weights, `zoo.convergence(...).weights`, has a
    meaning after relabelling alone. It is near 1 if chains agree apart from labels.

    Each draw gets the labels under which it is most probable when the weights of each label are
    normal; means and variances are then those of the relabelled draws, and so on until no
    unit moves. Scales of ReLU units are left as they are: another scale keeps the function,
    but not the density of a prior.

    References:
        Towards Efficient MCMC Sampling in Bayesian Neural Networks by Exploiting Symmetry
        (Wiese, Wimmer, Papamarkou, Bischl, Günnemann, Rügamer, 2023)
        Dealing with label switching in mixture models (Stephens, 2000)

    Arguments:
        posterior: A posterior with stored draws of weights, e.g. of a sampler.
        x: Some inputs, at which the network runs to find its units, and at which it is checked
            that functions are the same.

    Raises:
        ValueError: A posterior without stored draws, or a pruned one; a network whose
            units cannot be followed, or a prior that tells units apart.

    Example:
        >>> short = {"warmup_steps": 5, "num_samples": 5, "progress": False}
        >>> chains = inference.NUTS(model, num_chains=2, **short).fit(data.train)
        >>> landscape.relabelled(chains, data.train.x)
        Posterior over 81 parameters at 4 sites: 2 chains of 5 draws
    """
    draws_of = _checked(posterior)
    model = posterior.model
    groups = _movable(hidden_units(model, x), model.latents)
    shape = (draws_of.num_chains, -1)
    draws = {name: value.flatten(0, 1) for name, value in draws_of.draws.items()}

    groups = _with_signs(model, groups, draws)
    found = _relabel(draws, groups)
    _check(draws_of, draws, found, x)

    def transform(_: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: value.unflatten(0, shape) for name, value in found.items()}

    result = draws_of.transformed(transform, model, posterior.state, posterior.masks)
    result.batch_form = posterior.batch_form

    return result


def _checked(posterior: Posterior) -> DrawsPosterior:
    """Refuse a posterior without stored draws of weights."""
    is_function = isinstance(posterior, FunctionPosterior)
    if not isinstance(posterior, DrawsPosterior) or is_function:
        raise ValueError(
            f"relabelled needs stored draws of weights, not {posterior!r}; give the posterior "
            "of a sampler without functions_at, such as inference.NUTS"
        )

    if not all(bool(mask.all()) for mask in posterior.masks.values()):
        raise ValueError(
            "relabelled needs all weights, but some are pruned; relabel before zoo.prune"
        )

    return posterior


def _movable(groups: Sequence[UnitGroup], latents: Collection[str]) -> list[UnitGroup]:
    """Return the groups whose tensors are all random."""
    found = []
    for units in groups:
        if all(axis.name in latents for axis in units.axes):
            found.append(units)

    if not found:
        raise ValueError(
            "no hidden unit has random weights alone, so none can change its place; the draws "
            "are comparable as they are"
        )

    return found


def _with_signs(
    model: BayesianNetwork, groups: Sequence[UnitGroup], draws: Mapping[str, Tensor]
) -> list[UnitGroup]:
    """Return the groups, those without signs whose other signs have another prior density."""
    found = []
    for units in groups:
        order = torch.arange(units.size).repeat(_num_draws(draws), 1)
        turned = with_places(draws, units.axes, Places(order, -torch.ones(order.shape)))
        is_odd = units.is_odd and _same_prior(model, draws, turned)
        found.append(replace(units, is_odd=is_odd))

    return found


def _relabel(
    draws: dict[str, Tensor], groups: Sequence[UnitGroup]
) -> dict[str, Tensor]:
    """Return draws (S, *shape) by name, relabelled."""
    names = {axis.name for units in groups for axis in units.axes}
    laws = {name: Law.of_one(draws[name][-1]) for name in names}
    found = draws
    for number, units in enumerate(groups):
        known = _known_axes(units, groups[number + 1 :])
        places = best_places(found, laws, replace(units, axes=known))
        found = with_places(found, units.axes, places)

    for _ in range(_MOST_SWEEPS):
        laws = {name: Law.of_draws(found[name]) for name in names}
        is_done = True
        for units in groups:
            places = best_places(found, laws, units)
            found = with_places(found, units.axes, places)
            is_done = is_done and places.is_still

        if is_done:
            break

    return found


def _known_axes(units: UnitGroup, later: Sequence[UnitGroup]) -> list[Axis]:
    """Return where the units are in tensors whose other units have their labels already."""
    unknown = {axis.name for group in later for axis in group.axes}
    known = [axis for axis in units.axes if axis.name not in unknown]

    return known or list(units.axes)


def _check(
    posterior: DrawsPosterior,
    before: Mapping[str, Tensor],
    after: Mapping[str, Tensor],
    x: Rows,
) -> None:
    """Refuse labels that change functions or densities of the prior."""
    model = posterior.model
    inputs = place_inputs(model, first(x, _NUM_CHECKED))
    old = evaluate_draws(model, _few(before), posterior.state, inputs)
    new = evaluate_draws(model, _few(after), posterior.state, inputs)
    if bool((old - new).abs().max() > _TOLERANCE * old.abs().max()):
        raise ValueError(not_one_function(model.network))

    if not _same_prior(model, before, after):
        raise ValueError(
            "the prior tells hidden units apart: a draw with its units in another order has "
            "another density; compare functions, zoo.convergence(posterior, x)"
        )


def _same_prior(
    model: BayesianNetwork, before: Mapping[str, Tensor], after: Mapping[str, Tensor]
) -> bool:
    """Return whether some draws have the same density under the prior as before."""
    old, new = _log_prior(model, _few(before)), _log_prior(model, _few(after))
    return bool(((old - new).abs() <= _TOLERANCE * (1 + old.abs())).all())


def _log_prior(model: BayesianNetwork, draws: Mapping[str, Tensor]) -> Tensor:
    """Return the log density of the prior at draws (S, *shape), (S,)."""
    densities = []
    with torch.no_grad():
        for number in range(_num_draws(draws)):
            values = {name: draws[name][number] for name in model.latents}
            trace = poutine.trace(poutine.condition(model, data=values)).get_trace()
            densities.append(torch.as_tensor(trace.log_prob_sum()).double())

    return torch.stack(densities)


def _few(draws: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a few of the draws, evenly spaced."""
    total = _num_draws(draws)
    index = evenly(total, min(total, _NUM_CHECKED))
    return {name: value[index] for name, value in draws.items()}


def _num_draws(draws: Mapping[str, Tensor]) -> int:
    return len(next(iter(draws.values())))
