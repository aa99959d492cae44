"""How images lie in memory: pixel by pixel, where a network on a CPU takes them so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from zoo.model import BayesianNetwork


def takes_channels_last(
    model: BayesianNetwork, values: Mapping[str, Tensor], x: Tensor
) -> bool:
    """Tell whether images may lie pixel by pixel, by which convolutions take a half to nine tenths of the time.

    A network that asks for a `view` of them, where `reshape` would do, does not take
    it.

    Arguments:
        model: The model whose network takes the images, in evaluation mode.
        values: A value of every site, point estimate and buffer.
        x: Images (N, C, H, W); inputs of another shape are no images.
    """
    if (
        x.dim() != 4
        or x.is_cuda
        or not any(isinstance(layer, nn.Conv2d) for layer in model.network.modules())
    ):
        return False
    try:
        with torch.no_grad():
            model.output(values, channels_last(x[:2]))
    except RuntimeError:
        return False
    return True


def channels_last(x: Tensor) -> Tensor:
    """Lay images out pixel by pixel, all channels of one beside each other; grey ones too, by `to` alone."""
    return x.to(memory_format=torch.channels_last)
