"""The memory format of images: channels last, for networks on a CPU that accept it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


def takes_channels_last(
    network: nn.Module, evaluate: Callable[[Tensor], Tensor], x: Tensor
) -> bool:
    """Return whether images should be channels last: on a CPU, if the network accepts them.

    Convolutions then take between a half and nine tenths of the time. A network that
    calls `view` on the images, where `reshape` would do, does not accept them.

    Arguments:
        network: The network, in evaluation mode.
        evaluate: Returns the network's output for a batch of inputs.
        x: Images (N, C, H, W); inputs of any other number of dimensions are not images.
    """
    is_image = x.dim() == 4
    if not is_image or x.is_cuda or not _has_convolution(network):
        return False

    try:
        with torch.no_grad():
            evaluate(channels_last(x[:2]))
    except RuntimeError:
        return False

    return True


def channels_last(x: Tensor) -> Tensor:
    """Copy images into the format in which the channels of a pixel are neighbours in memory."""
    # `contiguous` leaves grey images as they are; `to` also sets their strides
    return x.to(memory_format=torch.channels_last)


def _has_convolution(network: nn.Module) -> bool:
    """Return whether a network has a two-dimensional convolution."""
    return any(isinstance(layer, nn.Conv2d) for layer in network.modules())
