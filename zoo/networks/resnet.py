"""ResNet for CIFAR: three stages of residual blocks of two 3x3 convolutions, shortcuts without parameters."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from zoo.networks.initialisation import he

Make = Callable[..., nn.Module]


class ResNet(nn.Module):
    r"""ResNet-20, 32, 44, 56 and so on, for images of 32x32 pixels.

    .. math:: f_{l+1} = \text{relu}(f_l + \text{bn}(W_2 * \text{relu}(\text{bn}(W_1 * f_l))))

    Where a stage halves the image and doubles the channels, the shortcut takes every
    second pixel and fills up with zeros (the paper's option A). Tensors are named as in
    github.com/akamaster/pytorch_resnet_cifar10, so its checkpoints load once `module.`
    is taken off their names; they want inputs in units `zoo.datasets.images.IMAGENET`.

    References:
        Deep Residual Learning for Image Recognition (He, Zhang, Ren, Sun, 2016), section 4.2
        Visualizing the Loss Landscape of Neural Nets (Li, Xu, Taylor, Studer, Goldstein, 2018), with and without skips

    Arguments:
        depth: Number of layers that have weights, 6 n + 2 with n blocks a stage.
        num_classes: Number of classes O.
        in_channels: Channels of the image, 1 for grey and 3 for colour.
        width: Channels of the first stage; the others have twice and four times as
            many.
        skips: Whether shortcuts are there.
        norm: Makes a normalisation from a number of channels: `nn.BatchNorm2d`, or
            `FilterResponseNorm`.
        activation: Makes the module after each normalisation; `nn.Identity` where
            filter responses have a threshold.

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
        num_classes: int = 10,
        in_channels: int = 3,
        width: int = 16,
        skips: bool = True,
        norm: Make = nn.BatchNorm2d,
        activation: Make = nn.ReLU,
    ) -> None:
        super().__init__()
        if depth < 8 or (depth - 2) % 6:
            raise ValueError(
                f"depth is 6 n + 2 with n blocks a stage: 8, 14, 20, 32, 44, 56, ..., not {depth}"
            )
        if width < 2 or width % 2:
            raise ValueError(
                f"width is an even number of channels, which shortcuts fill up on both sides, not {width}"
            )
        blocks = (depth - 2) // 6
        self.conv1 = nn.Conv2d(in_channels, width, 3, padding=1, bias=False)
        self.bn1 = norm(width)
        self.activation = activation()
        makes = {"skips": skips, "norm": norm, "activation": activation}
        self.layer1 = stage(width, width, blocks, 1, **makes)
        self.layer2 = stage(width, 2 * width, blocks, 2, **makes)
        self.layer3 = stage(2 * width, 4 * width, blocks, 2, **makes)
        self.linear = nn.Linear(4 * width, num_classes)
        he(self)
        nn.init.kaiming_normal_(self.linear.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (N, C, H, W) to logits (N, O)."""
        f = self.activation(self.bn1(self.conv1(x)))
        f = self.layer3(self.layer2(self.layer1(f)))
        return self.linear(f.mean((-2, -1)))


class Block(nn.Module):
    """Two 3x3 convolutions, added to what went in."""

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        stride: int,
        *,
        skips: bool,
        norm: Make,
        activation: Make,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(
            channels_in, channels_out, 3, stride=stride, padding=1, bias=False
        )
        self.bn1 = norm(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.bn2 = norm(channels_out)
        self.activation, self.skips = activation(), skips
        self.stride, self.filled = stride, (channels_out - channels_in) // 2

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C', H / stride, W / stride)."""
        f = self.bn2(self.conv2(self.activation(self.bn1(self.conv1(x)))))
        return self.activation(f + self.shortcut(x) if self.skips else f)

    def shortcut(self, x: Tensor) -> Tensor:
        """Take every second pixel where the block does, and fill up with channels of zeros on both sides."""
        if not self.filled:
            return x
        return F.pad(
            x[..., :: self.stride, :: self.stride],
            (0, 0, 0, 0, self.filled, self.filled),
        )


def stage(
    channels_in: int, channels_out: int, blocks: int, stride: int, **makes: object
) -> nn.Sequential:
    """Put blocks in a row, the first of which may halve the image."""
    first = Block(channels_in, channels_out, stride, **makes)
    return nn.Sequential(
        first,
        *(Block(channels_out, channels_out, 1, **makes) for _ in range(blocks - 1)),
    )
