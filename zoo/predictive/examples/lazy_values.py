"""Lazily sampled values of a network are told where the examples of a batch are.

A guide may give a tensor whose noise a layer draws for each example. `zoo` knows it by its
attribute `examples`, which takes the places of the examples by the shape of the layer's input.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping
from typing import NamedTuple, Protocol, cast

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten

from zoo.predictive.examples.places import Places, locate_examples
from zoo.predictive.examples.trial_runs import Network, TrialRuns
from zoo.runtime.apart import apart, seed
from zoo.runtime.caller import stack_level
from zoo.runtime.rows import Rows
from zoo.tracing.checked_trace import first_line
from zoo.tracing.state.python_state import PythonState


class LazilySampled(Protocol):
    """A tensor whose noise is drawn by the layer that it is the weight of."""

    needs_examples: bool
    examples: Places | None

    def clone(self) -> Tensor:
        """Return an ordinary draw."""
        ...


class _Found(NamedTuple):
    """What trial runs have found out.

    Arguments:
        places: The places of the examples, by the name of the weight or the nodes.
        drawn: Names of values to draw before the network runs, because it uses them in
            layers and elsewhere as well, or inside a transform such as `torch.vmap`.
    """

    places: Mapping[str, Places]
    drawn: Collection[str]


class LazyValues:
    """Tells the lazily sampled values of a network where the examples are.

    The trial runs of the network are made once for inputs of given shapes, and for given
    modes of its layers. The class has slots, because what is known is no state of a program
    that is traced (`zoo/tracing/state/reachable.py`).

    Arguments:
        network: The network.
    """

    __slots__ = ("_found", "_has_warned", "network")

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self._found: dict[tuple, _Found] = {}
        self._has_warned = False

    def told(
        self, values: Mapping[str, Tensor], inputs: Rows, run: Network
    ) -> Mapping[str, Tensor]:
        """Return the values for a run of the network.

        Arguments:
            values: The values of the network's tensors and of its nodes by name.
            inputs: The inputs of the run.
            run: Runs the network.
        """
        lazy: dict[str, LazilySampled] = {}
        for name, value in values.items():
            if hasattr(type(value), "examples"):
                lazy[name] = cast("LazilySampled", value)

        if not lazy:
            return values

        key = (tuple(lazy), _shapes(inputs), _modes(self.network))
        found = self._found.get(key)
        if found is None:
            state = PythonState(run)
            with apart():
                found = self._find(lazy, values, inputs, run)

            state.restore()
            self._found[key] = found

        told = dict(values)
        for name, each in lazy.items():
            each.examples = found.places.get(name)
            if name in found.drawn:
                told[name] = each.clone()

        return told

    def _find(
        self,
        lazy: Mapping[str, LazilySampled],
        values: Mapping[str, Tensor],
        inputs: Rows,
        run: Network,
    ) -> _Found:
        """Find out where the examples are."""
        stand_ins, nodes = self._stand_ins(values)
        try:
            runs = TrialRuns(run, stand_ins, nodes, inputs)
        except Exception:  # the run itself will raise it
            return _Found({}, [])

        used = runs.first.used
        drawn = used.transformed | (used.elsewhere & used.in_layers)
        names = {name for name, each in lazy.items() if each.needs_examples} - drawn
        if not names:
            return _Found({}, drawn)

        try:
            places = locate_examples(runs, names)
        except Exception as error:  # a network can fail with any error
            self._warn(error)
            places = {}

        return _Found(places, drawn)

    def _stand_ins(
        self, values: Mapping[str, Tensor]
    ) -> tuple[dict[str, Tensor], list[str]]:
        """Return values for the trial runs, and the names of those that are nodes.

        They are the network's own values, with small numbers in place of zeros: a weight of
        zero would hide what the outputs depend on.
        """
        seed(0)
        parameters = dict(self.network.named_parameters())
        buffers = dict(self.network.named_buffers())

        stand_ins = {}
        nodes = []
        for name, value in values.items():
            if name in parameters:
                own = _without_zeros(parameters[name].detach())
            elif name in buffers:
                own = buffers[name].detach()
            else:
                own = torch.ones(tuple(value.shape))
                nodes.append(name)

            stand_ins[name] = own.to(value.device, value.dtype)

        return stand_ins, nodes

    def _warn(self, error: Exception) -> None:
        """Warn once that the examples were not located."""
        if self._has_warned:
            return

        self._has_warned = True
        network = type(self.network).__name__
        warnings.warn(
            f"it was not found out where the examples are in the layers of {network}, so its "
            "weights have one draw for a batch and gradients vary more: a trial run raised "
            f"{type(error).__name__}: {first_line(error)}",
            stacklevel=stack_level(),
        )


def _without_zeros(weight: Tensor) -> Tensor:
    """Replace zeros by small random numbers."""
    if not weight.is_floating_point() or weight.layout is not torch.strided:
        return weight

    return torch.where(weight == 0, 0.01 * torch.randn_like(weight), weight)


def _shapes(inputs: Rows) -> tuple:
    """Return the structure of inputs, and the shape of each tensor."""
    if isinstance(inputs, Tensor):
        return (inputs.shape, inputs.dtype, inputs.device)

    leaves, structure = tree_flatten(inputs)
    shapes = [_shapes(leaf) if isinstance(leaf, Tensor) else leaf for leaf in leaves]

    return (str(structure), *map(repr, shapes))


def _modes(network: nn.Module) -> tuple[bool, ...]:
    """Return which layers are in training mode."""
    return tuple(layer.training for layer in network.modules())
