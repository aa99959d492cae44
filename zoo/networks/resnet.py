"""ResNet for CIFAR: three stages of residual blocks, and shortcuts without parameters."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from zoo.networks.initialisation import he_initialise
from zoo.runtime.recorded import Recorded


class ResNet(nn.Module, Recorded):
    r"""Residual network of 20, 32, 44, 56 or more layers, for images of 32x32 pixels.

    .. math:: f_{l+1} = \text{relu}(f_l + \text{bn}(W_2 * \text{relu}(\text{bn}(W_1 * f_l))))

    Where a stage halves the image and doubles the channels, the shortcut takes every
    second pixel and adds channels of zeros (the paper's option A).

    Tensors are named as in github.com/akamaster/pytorch_resnet_cifar10. Its checkpoints
    load after `module.` is removed from their names; they need inputs in the units
    `zoo.datasets.images.IMAGENET`.

    References:
        Deep Residual Learning for Image Recognition (He, Zhang, Ren, Sun, 2016), section 4.2
        Visualizing the Loss Landscape of Neural Nets (Li, Xu, Taylor, Studer, Goldstein, 2018),
        with and without skips

    Arguments:
        depth: Number of layers that have weights, 6 n + 2 with n blocks a stage.
        num_classes: Number of classes O.
        in_channels: Channels of the image, 1 for grey and 3 for colour.
        width: Channels of the first stage, an even number; the other stages have twice
            and four times as many.
        skips: Whether the network has shortcuts.
        norm: Makes a normalisation from a number of channels: `nn.BatchNorm2d`, or
            `FilterResponseNorm`.
        activation: Makes the module after each normalisation. Take `nn.Identity` with a
            `FilterResponseNorm` that has a threshold.

    Raises:
        ValueError: A depth that is not 8, 14, 20, ...; an odd width.

    Example:
        >>> network = ResNet(depth=20, num_classes=10)
        >>> network(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 10])
        >>> sum(parameter.numel() for parameter in network.parameters())
        269722
    """

    def __init__(
        self,
        depth: int = 20,
        *,
        num_classes: int = 10,
        in_channels: int = 3,
        width: int = 16,
        skips: bool = True,
        norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
        activation: Callable[[], nn.Module] = nn.ReLU,
    ) -> None:
        super().__init__()
        if depth < 8 or (depth - 2) % 6:
            raise ValueError(
                f"depth must be 6 n + 2, with n blocks a stage, e.g. 8, 14, 20, 32, 44 or 56, not "
                f"{depth}"
            )
        if width < 2 or width % 2:
            raise ValueError(
                "width must be even, because shortcuts add channels of zeros on both sides, "
                f"not {width}"
            )

        num_blocks = (depth - 2) // 6
        block = partial(_Block, skips=skips, norm=norm, activation=activation)
        self.conv1 = nn.Conv2d(in_channels, width, 3, padding=1, bias=False)
        self.bn1 = norm(width)
        self.activation = activation()
        self.layer1 = _stage(block, width, width, num_blocks, stride=1)
        self.layer2 = _stage(block, width, 2 * width, num_blocks, stride=2)
        self.layer3 = _stage(block, 2 * width, 4 * width, num_blocks, stride=2)
        self.linear = nn.Linear(4 * width, num_classes)

        he_initialise(self)
        nn.init.kaiming_normal_(self.linear.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (N, C, H, W) to logits (N, O)."""
        f = self.bn1(self.conv1(x))
        f = self.activation(f)

        f = self.layer1(f)
        f = self.layer2(f)
        f = self.layer3(f)
        f = f.mean((-2, -1))  # (N, 4 width)

        return self.linear(f)


class _Block(nn.Module):
    """Two 3x3 convolutions; their output and the shortcut of the input are added."""

    def __init__(
        self,
        channels_in: int,
        channels: int,
        stride: int,
        *,
        skips: bool,
        norm: Callable[[int], nn.Module],
        activation: Callable[[], nn.Module],
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(
            channels_in, channels, 3, stride=stride, padding=1, bias=False
        )
        self.bn1 = norm(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = norm(channels)
        self.activation = activation()

        self.skips = skips
        self.stride = stride
        self.num_padded = (channels - channels_in) // 2  # on each side

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C', H / stride, W / stride)."""
        f = self.bn1(self.conv1(x))
        f = self.activation(f)
        f = self.bn2(self.conv2(f))
        if self.skips:
            f = f + self.shortcut(x)

        return self.activation(f)

    def shortcut(self, x: Tensor) -> Tensor:
        """Take every second pixel if the block does, and add channels of zeros on both sides."""
        if not self.num_padded:
            return x

        pixels = x[..., :: self.stride, :: self.stride]
        return F.pad(pixels, (0, 0, 0, 0, self.num_padded, self.num_padded))


def _stage(
    block: Callable[[int, int, int], nn.Module],
    channels_in: int,
    channels: int,
    num_blocks: int,
    *,
    stride: int,
) -> nn.Sequential:
    """Make a sequence of blocks; the first has the stride of the stage."""
    stage = nn.Sequential(block(channels_in, channels, stride))
    for _ in range(num_blocks - 1):
        stage.append(block(channels, channels, 1))

    return stage
