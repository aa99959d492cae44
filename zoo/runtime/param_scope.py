"""A guide in a scope of its own: whatever it keeps in Pyro's global parameter store is kept here instead."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pyro
import torch
from pyro.infer.autoguide import AutoGuide
from torch import Tensor, nn


class ScopedGuide:
    """A guide, with the parameters that it holds in itself or states by `pyro.param`.

    Pyro's autoguides live in the global store under names that they share; run here,
    two of them never touch.

    Arguments:
        guide: Any Pyro guide that runs without arguments: a module of `guides`, an
            autoguide, a function.
    """

    def __init__(self, guide: Callable[..., object]) -> None:
        self.guide = guide
        self.store: dict[str, dict] = {"params": {}, "constraints": {}}
        if isinstance(guide, AutoGuide) and guide.prototype_trace is not None:
            for module in (
                guide.modules()
            ):  # it may have been run in the global store: own the tensors
                for name, parameter in module._parameters.items():
                    if parameter is not None:
                        module._parameters[name] = nn.Parameter(
                            parameter.detach().clone()
                        )
        with self.scope(), torch.random.fork_rng(), torch.no_grad():
            guide()  # lazy guides make their parameters now
            if isinstance(guide, nn.Module):
                refuse_stated(guide)

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Set the global store aside; a function's parameters take its place, a module brings its own."""
        state = (
            {"params": {}, "constraints": {}}
            if isinstance(self.guide, nn.Module)
            else self.store
        )
        with pyro.get_param_store().scope(state=state):
            yield

    def __call__(self, *args: object, **kwargs: object) -> object:
        """Run the guide in its scope."""
        with self.scope():
            return self.guide(*args, **kwargs)

    def tensors(self) -> dict[str, Tensor]:
        """Return all parameters and buffers by name: the module's own, and the store's where there is no module."""
        if isinstance(self.guide, nn.Module):
            return dict(self.guide.state_dict(keep_vars=True))
        return dict(self.store["params"])

    def parameters(self) -> list[nn.Parameter]:
        """Return what a fit changes, each once: a module may know one by two names."""
        return list(
            {
                id(tensor): tensor
                for tensor in self.tensors().values()
                if tensor.requires_grad
            }.values()
        )

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Copy values into the guide's parameters.

        Raises:
            ValueError: Names or shapes differ; both are given.
        """
        own = self.tensors()
        if {name: value.shape for name, value in own.items()} != {
            n: v.shape for n, v in tensors.items()
        }:
            raise ValueError(
                f"this guide has the parameters {sorted(own)}, the file has {sorted(tensors)}, or their shapes "
                "differ; build the guide with the arguments it was built with"
            )
        with torch.no_grad():
            for name, value in own.items():
                value.copy_(tensors[name])

    def snapshot(self, model: nn.Module) -> ScopedGuide:
        """Return a copy that later fits do not touch; the model is shared, not copied."""
        twin = copy.copy(self)
        if isinstance(self.guide, nn.Module):
            models = {name: part._model for name, part in autoguides(self.guide)}
            twin.guide = copy.deepcopy(
                self.guide, {id(model): model, **left_behind(self.guide)}
            )
            for guide in (
                self.guide,
                twin.guide,
            ):  # copying takes an autoguide's model away, and the copy has none
                for name, part in autoguides(guide):
                    part._model = models[name]
        parameters = {
            name: value.detach().clone().requires_grad_()
            for name, value in self.store["params"].items()
        }
        twin.store = {
            "params": parameters,
            "constraints": dict(self.store["constraints"]),
        }
        return twin


def autoguides(guide: nn.Module) -> list[tuple[str, AutoGuide]]:
    """Return the autoguides that a guide is, or is made of."""
    return [
        (name, part)
        for name, part in guide.named_modules()
        if isinstance(part, AutoGuide)
    ]


def left_behind(guide: nn.Module) -> dict[int, None]:
    """Return what a draw left in a module, a flow's cache say, as nothing to copy: it belongs to a graph."""
    values = [value for part in guide.modules() for value in vars(part).values()]
    tensors = [
        tensor
        for value in values
        for tensor in (value if type(value) is tuple else (value,))
    ]
    return {
        id(tensor): None
        for tensor in tensors
        if isinstance(tensor, Tensor) and not tensor.is_leaf
    }


def refuse_stated(guide: nn.Module) -> None:
    """Refuse a module that states parameters by `pyro.param` beside its own: nothing would keep them."""
    own = {id(parameter) for parameter in guide.parameters()}
    stated = [
        name
        for name, value in pyro.get_param_store().named_parameters()
        if id(value) not in own
    ]
    if stated:
        raise ValueError(
            f"the module {type(guide).__name__} states {', '.join(stated)} by pyro.param; make them attributes, an "
            "nn.Parameter or a pyro.nn.PyroParam each, or write the guide as a function"
        )
