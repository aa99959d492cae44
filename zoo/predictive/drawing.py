"""Many draws of a Pyro program in one call."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping

import pyro
import torch
from pyro import poutine
from torch import Tensor


def draw_sites(
    program: Callable[..., object], num_samples: int, shapes: Mapping[str, torch.Size]
) -> dict[str, Tensor]:
    """Draw the latent sites of a Pyro program many times: site -> (S, *shape).

    All draws come from one run inside a plate. A program that does not broadcast there is run S times.

    Arguments:
        program: A model or guide that runs without arguments.
        num_samples: Number of draws S.
        shapes: The sites to keep, with the shape of one draw.
    """
    if num_samples < 1:
        raise ValueError(
            f"num_samples is a number of draws, at least 1, not {num_samples}"
        )
    with torch.no_grad(), pyro.validation_enabled(False):
        state = torch.get_rng_state()
        with contextlib.suppress(RuntimeError, ValueError):
            with pyro.plate("draws", num_samples, dim=-1):
                sites = poutine.trace(program).get_trace().nodes
            if all(
                sites[name]["value"].shape == (num_samples, *shape)
                for name, shape in shapes.items()
            ):
                return {name: sites[name]["value"].clone() for name in shapes}
        torch.set_rng_state(state)
        runs = [poutine.trace(program).get_trace().nodes for _ in range(num_samples)]
        return {
            name: torch.stack([sites[name]["value"].clone() for sites in runs])
            for name in shapes
        }
