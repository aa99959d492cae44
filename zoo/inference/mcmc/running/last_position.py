"""The present positions of chains as their only draws, after a run that ended in warm-up."""

from __future__ import annotations

import warnings

import torch

from zoo.inference.mcmc.kernels.chains import Chains
from zoo.inference.mcmc.kernels.draws import DrawBlock, TransitionInfo
from zoo.runtime.caller import stack_level


def position_as_draw(kernel: Chains) -> DrawBlock:
    """Return the positions of the chains as a block of one draw, and warn of it.

    Arguments:
        kernel: The chains.
    """
    warnings.warn(
        "interrupted in warm-up: each chain has one draw, its current position",
        stacklevel=stack_level(),
    )

    energy = kernel.state["energy"]
    zero = torch.zeros_like(energy)
    info = TransitionInfo(
        acceptance_rate=zero, diverging=zero.bool(), n_steps=zero.long(), lp=-energy
    )

    return DrawBlock.of_draws([kernel.q], [info])
