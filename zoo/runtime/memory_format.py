"""The memory format of images: channels last, for networks on a CPU that accept it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from zoo.runtime.rows import Rows, first, tensors_of

_VECTOR = 8  # numbers in a register of a processor


def takes_channels_last(
    network: nn.Module, evaluate: Callable[[Rows], Tensor], x: Rows
) -> bool:
    """Return whether images should be channels last: on a CPU, if the network accepts them.

    Convolutions then take between a half and nine tenths of the time. A network that
    calls `view` on the images, where `reshape` would do, does not accept them, and one with
    a strided convolution of single pixels of few channels must not have them.

    Arguments:
        network: The network, in evaluation mode.
        evaluate: Returns the network's output for a batch of inputs.
        x: Inputs; tensors (N, C, H, W) among them are images.
    """
    tensors = tensors_of(x)
    has_images = any(map(_is_image, tensors))
    on_cuda = any(tensor.is_cuda for tensor in tensors)
    if not has_images or on_cuda or not _has_convolution(network):
        return False
    if any(map(_writes_beyond_memory, network.modules())):
        return False

    try:
        with torch.no_grad():
            evaluate(channels_last(first(x, 2)))
    except RuntimeError:
        return False

    return True


def channels_last(x: Rows) -> Rows:
    """Copy images into the format in which the channels of a pixel are neighbours in memory."""

    def copied(tensor: Tensor) -> Tensor:
        if not _is_image(tensor):
            return tensor

        # `contiguous` leaves grey images as they are; `to` also sets their strides
        return tensor.to(memory_format=torch.channels_last)

    return tree_map_only(Tensor, copied, x)


def _is_image(tensor: Tensor) -> bool:
    """Return whether a tensor has the shape of images (N, C, H, W)."""
    return tensor.dim() == 4


def _has_convolution(network: nn.Module) -> bool:
    """Return whether a network has a two-dimensional convolution."""
    return any(isinstance(layer, nn.Conv2d) for layer in network.modules())


def _writes_beyond_memory(module: nn.Module) -> bool:
    """Return whether the gradient of a convolution writes beyond its memory if channels are last.

    oneDNN does on processors without AVX-512 (torch 2.13): the process ends, or goes on with
    other tensors damaged.
    """
    if not isinstance(module, nn.Conv2d):
        return False

    is_of_pixels = max(module.kernel_size) == 1
    is_strided = max(module.stride) > 1

    return is_of_pixels and is_strided and module.in_channels < _VECTOR
