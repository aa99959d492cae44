"""Function values of a posterior at fixed inputs."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class FunctionValues(NamedTuple):
    """Outputs of the network at fixed inputs, under every draw.

    Arguments:
        x: Inputs (N, ...).
        values: The network's outputs at these inputs, (C, S, N, ...).
    """

    x: Tensor
    values: Tensor
