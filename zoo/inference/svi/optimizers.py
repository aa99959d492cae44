"""How a run of SVI makes its optimiser and its learning-rate scheduler."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from pyro.optim import PyroOptim
from pyro.optim.lr_scheduler import PyroLRScheduler
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from zoo.inference.svi.pyro_optimizers import (
    is_function_of_pyro,
    of_pyro,
    scheduler_of_pyro,
)
from zoo.runtime.caller import stack_level

MakeOptimizer = Callable[..., Optimizer] | PyroOptim
MakeScheduler = Callable[..., LRScheduler]


def build_optimizer(
    make: MakeOptimizer,
    parameters: Mapping[str, Tensor],
    lr: float,
    rates: Mapping[str, float] | None = None,
) -> Optimizer:
    """Return the optimiser of the parameters.

    Arguments:
        make: Makes the optimiser, called as `make(parameters, lr=lr)`, or without `lr` if
            it does not take that. Adam gets `fused=True`, so that one kernel updates all
            parameters. An optimiser of `pyro.optim` has its own learning rate.
        parameters: The parameters by name.
        lr: Learning rate.
        rates: The learning rate of each parameter, where they differ. The optimiser then
            gets groups of parameters.

    Raises:
        ValueError: It makes no optimiser, or one of other parameters.
    """
    if is_function_of_pyro(make):
        make = make({"lr": lr})

    if isinstance(make, PyroOptim):
        return of_pyro(make, parameters)

    if make is torch.optim.Adam:
        make = partial(make, fused=True)

    rate = {"lr": lr} if _takes(make, "lr") else {}
    grouped = _groups(parameters, lr, rates or {})
    try:
        optimizer = make(grouped, **rate)
    except TypeError as error:
        raise ValueError(
            f"optimizer {_named(make)} cannot be called as optimizer(parameters, lr=lr): {error}; "
            "write optimizer=functools.partial(...) with its other arguments"
        ) from error

    _check_parameters(make, optimizer, parameters)

    return optimizer


def build_scheduler(
    make: MakeScheduler | None,
    make_optimizer: MakeOptimizer,
    optimizer: Optimizer,
    num_steps: int,
) -> LRScheduler | None:
    """Return the learning-rate scheduler of an optimiser, None for none.

    Arguments:
        make: Makes the scheduler, called as `make(optimizer)`, or as `make(optimizer,
            num_steps=num_steps)` if it has an argument of that name. None for none, or
            for that of an optimiser of Pyro.
        make_optimizer: What made the optimiser.
        optimizer: The optimiser.
        num_steps: Number of steps of the run.

    Raises:
        ValueError: It makes no scheduler.
    """
    if make is None:
        if isinstance(make_optimizer, PyroLRScheduler):
            return scheduler_of_pyro(make_optimizer, optimizer)

        return None

    length = {"num_steps": num_steps} if _names(make, "num_steps") else {}
    try:
        scheduler = make(optimizer, **length)
    except TypeError as error:
        raise ValueError(
            f"scheduler {_named(make)} cannot be called as scheduler(optimizer): {error}; write "
            "scheduler=functools.partial(...) with its other arguments"
        ) from error

    if not hasattr(scheduler, "step"):
        raise ValueError(
            f"scheduler must make a learning-rate scheduler, not {scheduler!r}; write "
            "scheduler=functools.partial(torch.optim.lr_scheduler.ExponentialLR, gamma=0.99)"
        )

    return scheduler


def _groups(
    parameters: Mapping[str, Tensor], lr: float, rates: Mapping[str, float]
) -> list[Tensor] | list[dict[str, Any]]:
    """Return the parameters, in groups of one rate each if some have another rate than `lr`."""
    if set(rates.values()) <= {lr}:
        return list(parameters.values())

    groups: dict[float, list[Tensor]] = {}
    for name, parameter in parameters.items():
        groups.setdefault(rates[name], []).append(parameter)

    return [{"params": group, "lr": rate} for rate, group in groups.items()]


def _check_parameters(
    make: MakeOptimizer, optimizer: Any, parameters: Mapping[str, Tensor]
) -> None:
    """Refuse an optimiser of other tensors, and warn of parameters that it leaves out."""
    if not isinstance(optimizer, Optimizer):
        raise ValueError(
            f"optimizer {_named(make)} must return a torch.optim.Optimizer, not {optimizer!r}; "
            "write optimizer=torch.optim.Adam"
        )

    names = {id(parameter): name for name, parameter in parameters.items()}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if id(parameter) not in names:
                raise ValueError(
                    f"optimizer {_named(make)} optimises a tensor of shape "
                    f"{tuple(parameter.shape)} that is not one of the parameters it was given; "
                    "write lambda parameters, lr: torch.optim.Adam(parameters, lr=lr)"
                )

            names.pop(id(parameter))

    if names:
        warnings.warn(
            f"optimizer {_named(make)} leaves out {', '.join(names.values())}, which keep their "
            "initial values",
            stacklevel=stack_level(),
        )


def _takes(make: Callable[..., Any], name: str) -> bool:
    """Return whether a function takes an argument of that name."""
    try:
        parameters = inspect.signature(make).parameters.values()
    except (TypeError, ValueError):  # a function that is not written in Python
        return True

    return any(
        each.name == name or each.kind is each.VAR_KEYWORD for each in parameters
    )


def _names(make: Callable[..., Any], name: str) -> bool:
    """Return whether a function has an argument of exactly that name."""
    try:
        return name in inspect.signature(make).parameters
    except (TypeError, ValueError):  # a function that is not written in Python
        return False


def _named(make: Any) -> str:
    """Return the name of what makes an optimiser or a scheduler."""
    function = make.func if isinstance(make, partial) else make

    return getattr(function, "__name__", repr(function))
