"""One step of any optimiser and scheduler: with a closure or a loss, where they need one."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import LBFGS, Optimizer
from torch.optim.lr_scheduler import LRScheduler

from zoo.tracing.state.generators import set_shared_states, shared_states

Evaluate = Callable[[], tuple[Tensor, ...]]
"""Returns the loss and the gradient of each parameter, at the present parameters."""


class OptimizerSteps:
    """The steps of an optimiser and of its scheduler.

    An optimiser such as LBFGS evaluates the loss several times in a step, by a closure.
    It gets the same noise each time: within a step, the loss is a function of the
    parameters. A scheduler such as ReduceLROnPlateau gets the mean loss of each epoch.

    Arguments:
        optimizer: The optimiser.
        scheduler: The scheduler, None for none.
        parameters: The parameters.
        per_epoch: Number of steps in an epoch.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        scheduler: LRScheduler | None,
        parameters: Sequence[Tensor],
        per_epoch: int,
    ) -> None:
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.parameters = parameters
        self.per_epoch = per_epoch
        self.needs_closure = _has_required_argument(optimizer.step)
        self._needs_loss = scheduler is not None and _has_required_argument(
            scheduler.step
        )

    def step(
        self, results: Sequence[Tensor], noise: NoiseState | None, evaluate: Evaluate
    ) -> None:
        """Take one step of the optimiser.

        Arguments:
            results: The loss, and the gradient of each parameter; one without elements
                stands for a parameter that the loss does not depend on, which is not
                changed.
            noise: The state of random numbers before they were computed, if the optimiser
                needs a closure.
            evaluate: Computes them again.
        """
        self._set_gradients(results)
        if not self.needs_closure and self._takes_step_without_closure():
            return

        noise = noise or NoiseState(self.parameters[0])

        # LBFGS begins with an evaluation at the parameters that it was given
        known = [results] if isinstance(self.optimizer, LBFGS) else []

        def closure() -> Tensor:
            if known:
                return known.pop()[0]

            noise.restore()
            again = evaluate()
            self._set_gradients(again)

            return again[0]

        self.optimizer.step(closure)

    def _takes_step_without_closure(self) -> bool:
        """Take a step, unless the optimiser says that it needs a closure."""
        try:
            self.optimizer.step()
        except (AssertionError, TypeError, RuntimeError, ValueError) as error:
            message = str(error)
            if "closure" not in message and "'NoneType'" not in message:
                raise

            self.needs_closure = True
            return False

        return True

    def noise(self) -> NoiseState | None:
        """Return the present state of random numbers, if the optimiser needs a closure."""
        return NoiseState(self.parameters[0]) if self.needs_closure else None

    def schedule(self, losses: Sequence[float]) -> None:
        """Take one step of the scheduler, after a step of the optimiser.

        Arguments:
            losses: The losses of all steps so far.
        """
        if self.scheduler is None:
            return

        if not self._needs_loss:
            self.scheduler.step()
        elif len(losses) % self.per_epoch == 0:
            epoch = losses[-self.per_epoch :]
            self.scheduler.step(sum(epoch) / len(epoch))

    def _set_gradients(self, results: Sequence[Tensor]) -> None:
        """Set the gradient of every parameter."""
        for parameter, gradient in zip(self.parameters, results[1:], strict=True):
            is_reached = gradient.numel() > 0
            parameter.grad = _like(parameter, gradient) if is_reached else None


def _like(parameter: Tensor, gradient: Tensor) -> Tensor:
    """Return a gradient with the order in memory of its parameter.

    A fused optimiser pairs their elements in the order of memory, and does not check it.
    Convolutions return gradients channels last where the weights are not, and the reverse.
    """
    if gradient.stride() == parameter.stride():
        return gradient

    return torch.empty_like(parameter).copy_(gradient)


class NoiseState:
    """The state of all random numbers that a program may draw, as it is now.

    Arguments:
        like: A tensor on the device of the program.
    """

    def __init__(self, like: Tensor) -> None:
        self.device = like.device
        self._shared = shared_states()
        self._cpu = torch.get_rng_state()
        is_cuda = like.is_cuda
        self._cuda = torch.cuda.get_rng_state(like.device) if is_cuda else None

    def restore(self) -> None:
        """Put all random numbers back."""
        set_shared_states(self._shared)
        torch.set_rng_state(self._cpu)
        if self._cuda is not None:
            torch.cuda.set_rng_state(self._cuda, self.device)


def _has_required_argument(step: Callable[..., Any]) -> bool:
    """Return whether `step` of an optimiser or a scheduler must be given something.

    A scheduler of torch replaces the method of its optimiser by a function, whose
    signature names `self` although it is bound.
    """
    for parameter in inspect.signature(step).parameters.values():
        if parameter.name == "self":
            continue

        is_variadic = parameter.kind in (
            parameter.VAR_POSITIONAL,
            parameter.VAR_KEYWORD,
        )
        if parameter.default is parameter.empty and not is_variadic:
            return True

    return False
