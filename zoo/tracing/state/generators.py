"""Generators of random numbers other than torch's default one: their states, read and set."""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping
from typing import Any

import torch


def is_generator(value: Any) -> bool:
    """Return whether a value is a generator of random numbers of Python, NumPy or torch."""
    return isinstance(value, (random.Random, torch.Generator)) or _is_numpy(value)


def generator_state(generator: Any) -> Any:
    """Return the state of a generator of random numbers."""
    if isinstance(generator, random.Random):
        return generator.getstate()

    if isinstance(generator, torch.Generator):
        return generator.get_state().numpy()

    return _bits(generator).state


def set_generator_state(generator: Any, state: Any) -> None:
    """Set the state of a generator to one that `generator_state` returned."""
    if isinstance(generator, random.Random):
        generator.setstate(state)
    elif isinstance(generator, torch.Generator):
        generator.set_state(torch.from_numpy(state))
    else:
        _bits(generator).state = state


def shared_states() -> dict[str, Any]:
    """Return the states of the generators that all programs of a process share.

    NumPy imports its generators when they are used first.
    """
    states: dict[str, Any] = {"Python's random": random.getstate()}
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        states["numpy.random"] = numpy_random.get_state()

    return states


def set_shared_states(states: Mapping[str, Any]) -> None:
    """Set the shared generators to states that `shared_states` returned."""
    random.setstate(states["Python's random"])
    if "numpy.random" in states:
        sys.modules["numpy.random"].set_state(states["numpy.random"])


def _is_numpy(value: Any) -> bool:
    """Return whether a value is a generator of NumPy."""
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is None:
        return False

    kinds = (
        numpy_random.Generator,
        numpy_random.RandomState,
        numpy_random.BitGenerator,
    )

    return isinstance(value, kinds)


def _bits(generator: Any) -> Any:
    """Return the source of a generator's random bits, which has its state."""
    if hasattr(
        generator, "_bit_generator"
    ):  # a RandomState, as made by numpy.random.seed
        return generator._bit_generator

    return getattr(generator, "bit_generator", generator)
