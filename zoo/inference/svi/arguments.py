"""The checks of the arguments of SVI; each message says what to write instead."""

from __future__ import annotations

from typing import Any

import torch
from pyro.optim import PyroOptim
from pyro.optim.lr_scheduler import PyroLRScheduler
from torch.optim import Optimizer

from zoo.inference.svi.early_stopping import EarlyStopping
from zoo.inference.svi.optimizers import MakeOptimizer
from zoo.model import BayesianNetwork
from zoo.runtime.programs import PyroProgram


def check_programs(model: BayesianNetwork, guide: PyroProgram) -> None:
    """Check that the first argument is a model and the second a guide.

    Raises:
        TypeError: They are not; the message says what to write instead.
    """
    if isinstance(guide, BayesianNetwork):
        raise TypeError(
            "the model must be first and the guide second; write SVI(model, guide)"
        )

    if not isinstance(model, BayesianNetwork):
        raise TypeError(
            f"the model must be a zoo.BayesianNetwork, not {_named(model)}; write "
            "SVI(zoo.BayesianNetwork(network, prior, likelihood), guide), or use pyro.infer.SVI "
            "for another Pyro model"
        )

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


def check_optimizer(optimizer: MakeOptimizer) -> None:
    """Check that an argument makes optimisers.

    Raises:
        TypeError: It is an optimiser of Pyro, or one that already has parameters; the
            message says what to write instead.
    """
    call = ""
    if isinstance(optimizer, PyroOptim):
        call = _call_instead_of(optimizer)
    elif _is_function_of_pyro(optimizer):
        call = f"optimizer={_source_of(optimizer)}, lr=0.01"

    if call:
        raise TypeError(
            f"optimizer must be an optimiser of torch, not of pyro.optim; write SVI(..., {call})"
        )

    if isinstance(optimizer, Optimizer):
        name = type(optimizer).__name__
        rate = optimizer.defaults.get("lr")
        raise TypeError(
            f"optimizer must be a class, not an object of {name} that has its parameters already; "
            f"write SVI(..., optimizer={_source_of(type(optimizer))}, lr={rate})"
        )

    if not callable(optimizer):
        raise TypeError(
            "optimizer must be a class or function that takes (parameters, lr=lr), not "
            f"{optimizer!r}; write SVI(..., optimizer=torch.optim.Adam, lr=0.01)"
        )


def check_early_stopping(early_stopping: EarlyStopping | None) -> None:
    """Check that an argument is None or the settings of early stopping.

    Raises:
        TypeError: It is not; the message says what to write instead.
    """
    if early_stopping is not None and not isinstance(early_stopping, EarlyStopping):
        raise TypeError(
            f"early_stopping must be an inference.EarlyStopping, not {early_stopping!r}; write "
            "early_stopping=inference.EarlyStopping(fraction=0.1)"
        )


def _named(value: object) -> str:
    """Return what a wrong argument is, in words."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    return f"an object of type {type(value).__name__}"


def _call_instead_of(optimizer: PyroOptim) -> str:
    """Return the arguments of SVI that stand for an optimiser of Pyro."""
    options = optimizer.pt_optim_args
    options = {} if callable(options) else dict(options)
    rate = options.pop("lr", 0.01)

    constructor = _source_of(optimizer.pt_optim_constructor)
    made_by = _with_options(constructor, options)
    call = f"optimizer={made_by}, lr={rate}"
    if not isinstance(optimizer, PyroLRScheduler):
        return call

    name = optimizer.pt_scheduler_constructor.__name__
    made_by = _with_options(f"torch.optim.lr_scheduler.{name}", optimizer.kwargs)
    return f"{call}, scheduler={made_by}"


def _is_function_of_pyro(value: Any) -> bool:
    """Return whether a value is a function such as `pyro.optim.Adam`."""
    module = getattr(value, "__module__", None) or ""
    return module.startswith("pyro.optim") and not isinstance(value, type)


def _source_of(constructor: Any) -> str:
    """Return the name by which the class of an optimiser is imported."""
    name = constructor.__name__
    if hasattr(torch.optim, name):
        return f"torch.optim.{name}"
    return f"{constructor.__module__}.{name}"


def _with_options(name: str, options: dict[str, Any]) -> str:
    """Return the source of a constructor with some of its options set."""
    if not options:
        return name

    settings = [f"{key}={value!r}" for key, value in options.items()]
    listed = ", ".join(settings)
    return f"functools.partial({name}, {listed})"
