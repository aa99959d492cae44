"""Draws of a Pyro program: many in one run, or one run each."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

import pyro
import torch
from pyro import poutine
from torch import Tensor

from zoo.runtime.programs import PyroProgram
from zoo.runtime.turn import turn

Shapes = Mapping[str, torch.Size]


def draw_sites(
    program: PyroProgram, num_samples: int, shapes: Shapes
) -> dict[str, Tensor]:
    """Draw the latent sites of a Pyro program many times: site -> (S, *shape).

    All draws come from one run inside a plate, or from the program's own `draw_many(S)`. A
    program that does not broadcast in a plate is run S times.

    Arguments:
        program: A model or guide that runs without arguments.
        num_samples: Number of draws S.
        shapes: The sites to keep, with the shape of one draw.

    Raises:
        ValueError: The number of draws is less than one.
    """
    if num_samples < 1:
        raise ValueError(
            f"num_samples must be a number of draws, at least 1, not {num_samples}"
        )

    with turn(), torch.no_grad(), pyro.validation_enabled(False):
        state = torch.get_rng_state()

        with contextlib.suppress(RuntimeError, ValueError):
            draws = _draw_many(program, num_samples, shapes) or _draw_in_plate(
                program, num_samples, shapes
            )
            if _is_one_draw_per_row(draws, num_samples, shapes):
                return draws

        torch.set_rng_state(state)
        runs = [_draw_once(program, shapes) for _ in range(num_samples)]

        return {name: torch.stack([run[name] for run in runs]) for name in shapes}


def _draw_many(
    program: PyroProgram, num_samples: int, shapes: Shapes
) -> dict[str, Tensor]:
    """Return the draws of a program that makes many by itself, {} for any other."""
    draw_many = getattr(program, "draw_many", None)
    if draw_many is None:
        return {}

    draws = draw_many(num_samples)

    return {name: draws[name] for name in shapes if name in draws}


def _draw_in_plate(
    program: PyroProgram, num_samples: int, shapes: Shapes
) -> dict[str, Tensor]:
    """Run a program once inside a plate of draws."""
    with pyro.plate("draws", num_samples, dim=-1):
        return _draw_once(program, shapes)


def _draw_once(program: PyroProgram, shapes: Shapes) -> dict[str, Tensor]:
    """Run a program once and return a copy of the values of its sites."""
    trace = poutine.trace(program).get_trace()
    values = {}
    for name in shapes:
        value = trace.nodes[name]["value"]
        values[name] = value.clone()

    return values


def _is_one_draw_per_row(
    draws: Mapping[str, Tensor], num_samples: int, shapes: Shapes
) -> bool:
    """Return whether the value of every site has the shape (S, *shape)."""
    return all(
        draws[name].shape == (num_samples, *shape) for name, shape in shapes.items()
    )
