"""Weights with a given training loss, by gradients of this loss alone."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from zoo.inference.mcmc.density.potential import Potential
from zoo.landscape.minima.misfit import misfit_gradient
from zoo.landscape.points.location import Location
from zoo.landscape.points.target import Target, potential_of
from zoo.posterior.batch_norm import normalised_by_batch
from zoo.runtime.caller import stack_level
from zoo.runtime.rows import Structure, flatten
from zoo.runtime.subnormals import flush_subnormals
from zoo.runtime.threads import one_if_small
from zoo.tracing.graphs.graph import Function
from zoo.tracing.traced import Traced

_LONGEST = 5000  # steps
_HALVINGS = 30


def loss_at(target: Target, q: Tensor) -> float:
    """Return the training loss at q (P,), in nats per datum."""
    return float(target.terms(Location(q[None], {})).loss)


def lowered(target: Target, q: Tensor, level: float, lr: float) -> Tensor:
    """Return weights (P,) with a given training loss, on the way down from others.

    Adam takes steps along the gradient of all training data until the loss is below the
    level, and the last step is shortened so that it is equal to it.

    Arguments:
        target: The negative log posterior.
        q: Where to begin, (P,). Weights whose loss is not above the level stay.
        level: The training loss, in nats per datum.
        lr: Learning rate of Adam.

    Warns:
        UserWarning: The loss was not reached.
    """
    if loss_at(target, q) <= level:
        return q

    above, below = _descended(target, q, level, lr)
    if loss_at(target, below) > level:
        warnings.warn(
            f"the training loss came down to {loss_at(target, below):.3g} nats per datum only, "
            f"not to {level:.3g}; write a larger loss or lr",
            stacklevel=stack_level(),
        )
        return below

    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        is_above = loss_at(target, above.lerp(below, middle)) > level
        low, high = (middle, high) if is_above else (low, middle)

    return above.lerp(below, high)


def _descended(
    target: Target, q: Tensor, level: float, lr: float
) -> tuple[Tensor, Tensor]:
    """Return the weights before and after the step that took the loss below a level."""
    model = normalised_by_batch(target.model)
    potential = potential_of(model, target.x, target.y)
    tensors, structure = flatten((target.x, target.y))
    program = Traced(
        _gradient_of(potential, structure), calls=_LONGEST, compile="traced"
    )

    q = q.clone().requires_grad_()
    optimizer = torch.optim.Adam([q], lr=lr)
    before = q.detach().clone()
    with (
        one_if_small(model.network, target.x),
        flush_subnormals(),
        potential.program.running(),
    ):
        for _ in range(_LONGEST):
            q.grad, energy = program(q.detach(), *tensors)
            if float(energy) <= level * target.num_data:
                break

            before = q.detach().clone()
            optimizer.step()

    return before, q.detach()


def _gradient_of(potential: Potential, structure: Structure) -> Function:
    """Return the function that gives the gradient (P,) and minus the log likelihood ()."""

    def gradient(q: Tensor, *tensors: Tensor) -> tuple[Tensor, Tensor]:
        x, y = structure.build(list(tensors))
        gradients, energies = misfit_gradient(potential.on(x, y), q[None])

        return gradients[0], energies[0]

    return gradient
