"""The checks of the arguments of SVI; each message says what to write instead."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import torch
from pyro.optim import PyroOptim
from pyro.optim.lr_scheduler import PyroLRScheduler
from pyro.optim.multi import MultiOptimizer
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from zoo.inference.reparameterised import as_network
from zoo.inference.svi.early_stopping import EarlyStopping
from zoo.inference.svi.optimizers import MakeOptimizer
from zoo.model import BayesianNetwork
from zoo.runtime.counts import check_count
from zoo.runtime.programs import PyroProgram


def check_programs(
    model: BayesianNetwork | PyroProgram, guide: PyroProgram
) -> BayesianNetwork:
    """Check that the first argument is a model and the second a guide, and return the model.

    Raises:
        TypeError: They are not; the message says what to write instead.
    """
    if isinstance(guide, BayesianNetwork):
        raise TypeError(
            "the model must be first and the guide second; write SVI(model, guide)"
        )

    call = "SVI(zoo.BayesianNetwork(network, prior, likelihood), guide)"
    network = checked_model(model, call)
    if isinstance(guide, type):
        package = guide.__module__.partition(".")[0]
        name = f"guides.{guide.__name__}" if package == "guides" else guide.__name__
        raise TypeError(
            f"the guide must be an object, not the class {guide.__name__}; write "
            f"SVI(model, {name}(model))"
        )

    if not callable(guide):
        raise TypeError(
            f"the guide must be a Pyro program, not {_named(guide)}; write SVI(model, "
            "guides.MeanField(model))"
        )

    return network


def checked_model(model: BayesianNetwork | PyroProgram, call: str) -> BayesianNetwork:
    """Return a model of a network, also if Pyro's handler has reparameterised it.

    Arguments:
        model: The model.
        call: The right call, for the error message.

    Raises:
        TypeError: It is another program; the message says what to write instead.
    """
    network = as_network(model)
    if isinstance(network, BayesianNetwork):
        return network

    raise TypeError(
        f"the model must be a zoo.BayesianNetwork, not {_named(model)}; write {call}, or use "
        "pyro.infer.SVI for another Pyro model"
    )


def check_optimizer(optimizer: MakeOptimizer) -> None:
    """Check that an argument makes optimisers.

    Raises:
        ValueError: It does not, or it has its parameters already; the message says what
            to write instead.
    """
    if isinstance(optimizer, PyroOptim):
        return

    if isinstance(optimizer, Optimizer):
        name = type(optimizer).__name__
        rate = optimizer.defaults.get("lr")
        raise ValueError(
            f"optimizer must be a class, not an object of {name} that has its parameters already; "
            f"write SVI(..., optimizer={_source_of(type(optimizer))}, lr={rate})"
        )

    if isinstance(optimizer, (LRScheduler, MultiOptimizer)) or not callable(optimizer):
        raise ValueError(
            "optimizer must be a class or function that takes (parameters, lr=lr), not "
            f"{optimizer!r}; write SVI(..., optimizer=torch.optim.Adam, lr=0.01)"
        )

    function = optimizer.func if isinstance(optimizer, partial) else optimizer
    if function is torch.optim.SparseAdam:
        raise ValueError(
            "optimizer SparseAdam takes sparse gradients, but the gradients of an ELBO are dense; "
            "write SVI(..., optimizer=torch.optim.Adam)"
        )


def check_scheduler(scheduler: object, optimizer: MakeOptimizer) -> None:
    """Check that an argument is None, "auto", or makes learning-rate schedulers.

    Raises:
        ValueError: It does not; the message says what to write instead.
    """
    if isinstance(scheduler, str) and scheduler == "auto":
        return

    if isinstance(scheduler, PyroOptim):
        raise ValueError(
            "a scheduler of pyro.optim has its optimiser inside; write "
            "SVI(..., optimizer=pyro.optim.ExponentialLR(...)) and omit scheduler"
        )

    if scheduler is not None and isinstance(optimizer, PyroLRScheduler):
        raise ValueError(
            "optimizer has a scheduler of pyro.optim already; omit scheduler, or write "
            "optimizer=torch.optim.Adam"
        )

    is_made = isinstance(scheduler, LRScheduler)
    if scheduler is not None and (is_made or not callable(scheduler)):
        raise ValueError(
            f"scheduler must be a class or function that takes an optimiser, not {scheduler!r}; "
            "write scheduler=functools.partial(torch.optim.lr_scheduler.ExponentialLR, gamma=0.99)"
        )


def checked_rate(lr: object, name: str = "lr") -> float:
    """Return a learning rate as a number.

    Arguments:
        lr: The rate.
        name: The name of the argument.

    Raises:
        ValueError: It is no positive, finite number.
    """
    is_number = isinstance(lr, (int, float)) and not isinstance(lr, bool)
    is_single = isinstance(lr, Tensor) and lr.numel() == 1 and not lr.is_complex()
    rate = float(lr) if is_number or is_single else math.nan
    if rate > 0 and math.isfinite(rate):
        return rate

    if isinstance(lr, (Tensor, list, tuple, dict)):
        raise ValueError(
            f"{name} is one learning rate for all parameters, not {lr!r}; for a rate of each "
            "write optimizer=lambda parameters, lr: torch.optim.Adam([{'params': [each], "
            "'lr': ...} for each in parameters])"
        )

    raise ValueError(f"{name} is a learning rate and must be positive, not {lr}")


def check_length(num_steps: int | None, num_epochs: int | None) -> None:
    """Check that a run is given in steps or in epochs.

    Raises:
        ValueError: It is given in both, or as no positive whole number.
    """
    if num_steps is not None and num_epochs is not None:
        raise ValueError(
            f"write num_steps or num_epochs, not both ({num_steps} and {num_epochs})"
        )

    for name, value in {"num_steps": num_steps, "num_epochs": num_epochs}.items():
        if value is not None:
            check_count(name, value)


def check_early_stopping(early_stopping: EarlyStopping | None) -> None:
    """Check that an argument is None or the settings of early stopping.

    Raises:
        ValueError: It is not; the message says what to write instead.
    """
    if early_stopping is not None and not isinstance(early_stopping, EarlyStopping):
        raise ValueError(
            f"early_stopping must be an inference.EarlyStopping, not {early_stopping!r}; write "
            "early_stopping=inference.EarlyStopping(fraction=0.1)"
        )


def _named(value: object) -> str:
    """Return what a wrong argument is, in words."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    return f"an object of type {type(value).__name__}"


def _source_of(constructor: Any) -> str:
    """Return the name by which the class of an optimiser is imported."""
    name = constructor.__name__
    if hasattr(torch.optim, name):
        return f"torch.optim.{name}"
    return f"{constructor.__module__}.{name}"
