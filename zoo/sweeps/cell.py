"""One cell of a sweep: the parts of a model, a guide and an engine, and their options."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, is_dataclass, replace
from functools import partial
from typing import Any

from torch import nn

from zoo.inference import Engine
from zoo.model import BayesianNetwork
from zoo.runtime.description.digest import digest_text
from zoo.runtime.description.objects import describe_value

NO_VALUE = "-"  # the label of a cell on an axis that does not concern it


@dataclass(frozen=True)
class SweepCell:
    """One combination of a sweep.

    Arguments:
        labels: The label of the cell on every axis.
        network: The network, or a function without arguments that makes one.
        prior: The prior.
        likelihood: The likelihood.
        guide: Makes the guide from the model; None for an engine without guides.
        engine: Makes the engine from the model, and from the guide if it takes one; or an
            engine, of which a copy gets the model.
        options: Arguments of guide, engine and `fit` by name.
    """

    labels: Mapping[str, str]
    network: nn.Module | Callable[[], nn.Module]
    prior: Any
    likelihood: Any
    guide: Callable[..., Any] | None
    engine: Any
    options: Mapping[str, Any]

    def build(self) -> Engine:
        """Make the network, the model, the guide and the engine."""
        network = self.network
        if not isinstance(network, nn.Module):
            network = network()

        model = BayesianNetwork(network, self.prior, self.likelihood)
        guide = None
        if self.guide is not None:
            guide = self.guide(model, **self._options_of(self.guide))

        if is_made(self.engine):
            return _with_model(self.engine, model, guide)

        options = self._options_of(self.engine)
        if takes(self.engine, "progress"):
            options.setdefault("progress", False)

        arguments = [model] if guide is None else [model, guide]
        return self.engine(*arguments, **options)

    def fit_options(self) -> dict[str, Any]:
        """Return the options that `fit` of the engine takes."""
        return self._options_of(fit_of(self.engine))

    def key(self, of_data: str, seed: int) -> str:
        """Return a hash of all that decides about the result, the same in every process.

        The initial values of a network's weights do not count.

        Arguments:
            of_data: A text on the data and on what is scored.
            seed: The seed of the fit.
        """
        parts = [self.network, self.prior, self.likelihood, self.guide, self.engine]
        words = [describe_value(part) for part in parts]
        words += [describe_value(dict(self.options)), describe_value(dict(self.labels))]

        return digest_text(" | ".join([*words, of_data, str(seed)]))

    def _options_of(self, function: Any) -> dict[str, Any]:
        """Return the options that a function has an argument for."""
        found = {}
        for name, value in self.options.items():
            if takes(function, name):
                found[name] = value

        return found


def is_made(engine: Any) -> bool:
    """Return whether an engine is one already, and not a class or function that makes one."""
    is_maker = isinstance(engine, (type, partial))
    return not is_maker and hasattr(engine, "fit")


def takes(function: Any, name: str) -> bool:
    """Return whether a class or a function has an argument of a name; an engine has none.

    `num_steps` is the number of gradient steps, so samplers do not take theirs, leapfrog
    steps, from it; they have no `lr`.
    """
    if is_made(function):
        return False

    known = inspect.signature(function).parameters
    is_leapfrog = name == "num_steps" and "lr" not in known
    return name in known and not is_leapfrog


def takes_guide(engine: Any) -> bool:
    """Return whether an engine needs a guide."""
    return hasattr(engine, "guide") if is_made(engine) else takes(engine, "guide")


def fit_of(engine: Any) -> Callable[..., Any]:
    """Return the function that fits, for its arguments."""
    while isinstance(engine, partial):
        engine = engine.func

    return getattr(engine, "fit", _fit)


def _fit(data: Any, batch_size: int | None = None) -> None:
    """Stand for the `fit` of an engine that a function makes."""


def _with_model(engine: Any, model: BayesianNetwork, guide: Any) -> Engine:
    """Return a copy of an engine for another model and guide."""
    if is_dataclass(engine) and not isinstance(engine, type):
        return replace(engine, model=model)

    own = copy.copy(engine)
    own.model = model
    if guide is not None:
        own.guide = guide

    return own
