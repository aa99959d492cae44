"""A guide that runs in a scope of its own, apart from Pyro's global parameter store."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pyro
import torch
from pyro.infer.autoguide import AutoGuide
from pyro.params.param_store import StateDict
from torch import Tensor, nn

from zoo.runtime.programs import PyroProgram
from zoo.runtime.turn import turn


class ScopedGuide:
    """A guide with all its parameters: its own, and those that it states by `pyro.param`.

    Pyro's autoguides keep their parameters in the global store, under names that two
    guides of one model share. A scoped guide has a store of its own, so that two of them
    are independent.

    Arguments:
        guide: Any Pyro guide that runs without arguments: a module of `guides`, an
            autoguide, a function.

    Raises:
        ValueError: A module that states parameters by `pyro.param` which are not its own.
    """

    def __init__(self, guide: PyroProgram) -> None:
        self.guide = guide
        self.store = _empty_store()

        if isinstance(guide, AutoGuide) and guide.prototype_trace is not None:
            _copy_parameters(guide)  # the global store may share them
        elif isinstance(guide, nn.Module) and _is_of_inference_mode(guide):
            _copy_parameters(guide)  # autograd cannot use them

        with self.scope(), torch.random.fork_rng(), torch.no_grad():
            guide()  # a lazy guide creates its parameters in its first run
            if isinstance(guide, nn.Module):
                _refuse_stated_parameters(guide)

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Replace the global store by this guide's own; a module gets an empty one."""
        is_module = isinstance(self.guide, nn.Module)
        state = _empty_store() if is_module else self.store
        with turn(), pyro.get_param_store().scope(state=state):
            yield

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the guide in its scope."""
        with self.scope():
            return self.guide(*args, **kwargs)

    def draw_many(self, num_samples: int) -> dict[str, Tensor]:
        """Return many draws, site -> (S, *shape), of a guide that makes them by itself, else {}.

        Arguments:
            num_samples: Number of draws S.
        """
        draw_many = getattr(self.guide, "draw_many", None)
        if draw_many is None:
            return {}

        with self.scope():
            return draw_many(num_samples)

    def tensors(self) -> dict[str, Tensor]:
        """Return all parameters and buffers by name, from the module or from the store."""
        if isinstance(self.guide, nn.Module):
            return dict(self.guide.state_dict(keep_vars=True))

        return dict(self.store["params"])

    def named_parameters(self) -> dict[str, Tensor]:
        """Return the tensors that a fit optimises by name; one with two names has its first."""
        names: dict[int, str] = {}
        for name, tensor in self.tensors().items():
            if tensor.requires_grad:
                names.setdefault(id(tensor), name)

        tensors = self.tensors()

        return {name: tensors[name] for name in names.values()}

    def parameters(self) -> list[Tensor]:
        """Return the tensors that a fit optimises; one that has two names is returned once."""
        return list(self.named_parameters().values())

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Copy values into the guide's parameters.

        Arguments:
            tensors: Values by name, as `tensors()` returns them.

        Raises:
            ValueError: Names or shapes differ; the names are given.
        """
        own = self.tensors()
        if _shapes(own) != _shapes(tensors):
            raise ValueError(
                "the parameters of this guide and of the file differ in names or shapes: "
                f"{sorted(own)} and {sorted(tensors)}; build the guide with the same arguments"
            )

        with torch.no_grad():
            for name, value in own.items():
                value.copy_(tensors[name])

    def make_room(self, tensors: Mapping[str, Tensor], like: Tensor) -> None:
        """Let the parts of a guide that remember data take those of a file.

        Arguments:
            tensors: All tensors of the file by name.
            like: A tensor with the device and dtype of the model.
        """
        if not isinstance(self.guide, nn.Module):
            return

        for path, part in self.guide.named_modules():
            if hasattr(part, "make_room"):
                prefix = f"{path}."
                own = {}
                for name, value in tensors.items():
                    if name.startswith(prefix):
                        dtype = like.dtype if value.is_floating_point() else value.dtype
                        own[name.removeprefix(prefix)] = value.to(like.device, dtype)

                part.make_room(own)

    def snapshot(self, model: nn.Module) -> ScopedGuide:
        """Return a copy that later fits do not change.

        Arguments:
            model: The guide's model, which the copy shares.
        """
        copied = copy.copy(self)
        if isinstance(self.guide, nn.Module):
            copied.guide = _copy_module(self.guide, model)

        parameters = {}
        for name, value in self.store["params"].items():
            parameters[name] = value.detach().clone().requires_grad_()

        constraints = dict(self.store["constraints"])
        copied.store = {"params": parameters, "constraints": constraints}

        return copied


def _empty_store() -> StateDict:
    """Return the state of a parameter store that holds nothing."""
    return {"params": {}, "constraints": {}}


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    """Return the shape of each tensor."""
    shapes = {}
    for name, value in tensors.items():
        shapes[name] = value.shape

    return shapes


def _is_of_inference_mode(guide: nn.Module) -> bool:
    """Return whether a guide was made inside of `torch.inference_mode`."""
    return any(parameter.is_inference() for parameter in guide.parameters())


def _copy_parameters(guide: nn.Module) -> None:
    """Replace every parameter of a guide by a copy, and buffers of inference mode too."""
    for module in guide.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None:
                copied = parameter.detach().clone()
                module._parameters[name] = nn.Parameter(copied)

        for name, buffer in module._buffers.items():
            if buffer is not None and buffer.is_inference():
                module._buffers[name] = buffer.clone()


def _copy_module(guide: nn.Module, model: nn.Module) -> nn.Module:
    """Copy a guide, but not the model that it refers to."""
    models = {}
    for name, part in _autoguides(guide):
        models[name] = part._model

    memo = {id(model): model, **_graph_tensors(guide)}
    copied = copy.deepcopy(guide, memo)

    # an autoguide loses its model when it is copied, and so does the copy
    for each in (guide, copied):
        for name, part in _autoguides(each):
            part._model = models[name]

    return copied


def _autoguides(guide: nn.Module) -> list[tuple[str, AutoGuide]]:
    """Return the autoguides in a guide, itself included, by name."""
    found = []
    for name, part in guide.named_modules():
        if isinstance(part, AutoGuide):
            found.append((name, part))

    return found


def _graph_tensors(guide: nn.Module) -> dict[int, None]:
    """Return a memo with which `deepcopy` replaces tensors of an autograd graph by None.

    A draw leaves such tensors in a module, e.g. in the cache of a flow; they cannot be
    copied.
    """
    memo: dict[int, None] = {}
    for module in guide.modules():
        for value in vars(module).values():
            tensors = value if type(value) is tuple else (value,)
            for tensor in tensors:
                if isinstance(tensor, Tensor) and not tensor.is_leaf:
                    memo[id(tensor)] = None

    return memo


def _refuse_stated_parameters(guide: nn.Module) -> None:
    """Refuse a module that states parameters by `pyro.param` which are not its own.

    A scope of a module keeps no store, so their values would be lost.
    """
    own = {id(parameter) for parameter in guide.parameters()}
    foreign = []
    for name, value in pyro.get_param_store().named_parameters():
        if id(value) not in own:
            foreign.append(name)

    if foreign:
        family = type(guide).__name__
        names = ", ".join(foreign)
        raise ValueError(
            f"the module {family} has parameters of pyro.param, {names}; make each an attribute, "
            "an nn.Parameter or a pyro.nn.PyroParam, or write the guide as a function"
        )
