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

    Pyro's autoguides live in the global store under names that they share; run here, two of them never touch.

    Arguments:
        guide: Any Pyro guide that runs without arguments: a module of `guides`, an autoguide, a function.
    """

    def __init__(self, guide: Callable[..., object]) -> None:
        self.guide = guide
        self.store: dict[str, dict] = {"params": {}, "constraints": {}}
        if isinstance(guide, AutoGuide) and guide.prototype_trace is not None:
            for module in guide.modules():  # it may have been run in the global store: own the tensors
                for name, parameter in module._parameters.items():
                    if parameter is not None:
                        module._parameters[name] = nn.Parameter(parameter.detach().clone())
        with self.scope(), torch.random.fork_rng(), torch.no_grad():
            guide()  # lazy guides make their parameters now
            if isinstance(guide, nn.Module):
                refuse_stated(guide)

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Set the global store aside; a function's parameters take its place, a module brings its own."""
        state = {"params": {}, "constraints": {}} if isinstance(self.guide, nn.Module) else self.store
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
        """Return what a fit changes."""
        return [tensor for tensor in self.tensors().values() if tensor.requires_grad]

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Copy values into the guide's parameters.

        Raises:
            ValueError: Names or shapes differ; both are given.
        """
        own = self.tensors()
        if {name: value.shape for name, value in own.items()} != {n: v.shape for n, v in tensors.items()}:
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
            twin.guide = copy.deepcopy(self.guide, {id(model): model})
        parameters = {name: value.detach().clone().requires_grad_() for name, value in self.store["params"].items()}
        twin.store = {"params": parameters, "constraints": dict(self.store["constraints"])}
        return twin


def refuse_stated(guide: nn.Module) -> None:
    """Refuse a module that states parameters by `pyro.param` beside its own: nothing would keep them."""
    own = {id(parameter) for parameter in guide.parameters()}
    stated = [name for name, value in pyro.get_param_store().named_parameters() if id(value) not in own]
    if stated:
        raise ValueError(
            f"the module {type(guide).__name__} states {', '.join(stated)} by pyro.param; make them attributes, an "
            "nn.Parameter or a pyro.nn.PyroParam each, or write the guide as a function"
        )
