"""Optimisers and schedulers of `pyro.optim`, as those of torch for all parameters at once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

from pyro.optim import PyroOptim
from pyro.optim.lr_scheduler import PyroLRScheduler
from pyro.params.param_store import (
    module_from_param_with_module_name,
    normalize_param_name,
    user_param_name,
)
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

_Options = Mapping[str, Any] | Callable[..., Mapping[str, Any]]


def of_pyro(optimizer: PyroOptim, parameters: Mapping[str, Tensor]) -> Optimizer:
    """Return the optimiser of torch that does what one of Pyro does.

    Options may be a function of the name of a parameter. Gradients are clipped for each
    parameter on its own, as in Pyro.

    Arguments:
        optimizer: The optimiser of Pyro, such as `pyro.optim.ClippedAdam({"lr": 0.01})`.
        parameters: The parameters by name.
    """
    make: Any = optimizer.pt_optim_constructor
    given: Any = optimizer.pt_optim_args  # a mapping, or a function of the name
    groups = []
    for name, parameter in parameters.items():
        options = _options_of(given, name)
        groups.append({"params": [parameter], **options})

    is_the_same_for_all = not callable(given)
    if is_the_same_for_all:
        every = list(parameters.values())
        made = make(every, **given)
    else:
        made = make(groups)

    if optimizer.pt_clip_args:
        _clip_gradients(made, optimizer.pt_clip_args, parameters)

    return made


def is_function_of_pyro(
    value: Any,
) -> TypeGuard[Callable[[dict[str, Any]], PyroOptim]]:
    """Return whether a value is a function such as `pyro.optim.Adam`, before its call."""
    module = getattr(value, "__module__", None) or ""

    return module.startswith("pyro.optim") and inspect.isfunction(value)


def scheduler_of_pyro(scheduler: PyroLRScheduler, optimizer: Optimizer) -> LRScheduler:
    """Return the scheduler of an optimiser that Pyro schedules."""
    return scheduler.pt_scheduler_constructor(optimizer, **scheduler.kwargs)


def _options_of(options: _Options, name: str) -> Mapping[str, Any]:
    """Return the options for one parameter."""
    if not callable(options):
        return options

    try:
        return options(normalize_param_name(name))
    except TypeError:  # a function of two names, of a module and of its parameter
        module = module_from_param_with_module_name(name)
        return options(module, user_param_name(name))


def _clip_gradients(
    optimizer: Optimizer, options: _Options, parameters: Mapping[str, Tensor]
) -> None:
    """Clip the gradient of each parameter before every step."""
    of_each = {name: _options_of(options, name) for name in parameters}

    def clip(*_arguments: Any) -> None:
        for name, parameter in parameters.items():
            if parameter.grad is not None:
                PyroOptim._clip_grad(parameter, **of_each[name])

    optimizer.register_step_pre_hook(clip)
