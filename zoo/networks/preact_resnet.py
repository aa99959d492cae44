"""ResNets whose blocks normalise and rectify before each convolution: PreActResNet and WideResNet."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

Norm = Callable[[int], nn.Module]


class PreActResNet(nn.Module):
    r"""PreActResNet-18 and 34 for images of 32x32 pixels.

    .. math:: f_{l+1} = s(f_l) + W_2 * \text{relu}(\text{bn}(W_1 * \text{relu}(\text{bn}(f_l))))

    The shortcut s is a convolution of 1x1 where size or channels change, on what went
    through the first normalisation and rectifier.

    References:
        Identity Mappings in Deep Residual Networks (He, Zhang, Ren, Sun, 2016)

    Arguments:
        depth: 18 or 34.
        num_classes: Number of classes O.
        in_channels: Channels of the image, 1 for grey and 3 for colour.
        width: Channels of the first of the four stages; each has twice as many as the
            one before. 32 is the half width.
        norm: Makes a normalisation from a number of channels.

    Raises:
        ValueError: Another depth, or a width that is not positive.

    Example:
        >>> PreActResNet(depth=18, width=8)(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 10])
    """

    def __init__(
        self,
        depth: int = 18,
        num_classes: int = 10,
        in_channels: int = 3,
        width: int = 64,
        norm: Norm = nn.BatchNorm2d,
    ) -> None:
        super().__init__()
        blocks = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}.get(depth)
        if blocks is None:
            raise ValueError(f"depth is 18 or 34, not {depth}")
        if width < 1:
            raise ValueError(f"width is a number of channels, at least 1, not {width}")
        self.conv1 = nn.Conv2d(in_channels, width, 3, padding=1, bias=False)
        self.stages = nn.Sequential(
            *(
                stage(
                    max(width, width * 2**k // 2),
                    width * 2**k,
                    number,
                    1 if k == 0 else 2,
                    norm,
                )
                for k, number in enumerate(blocks)
            )
        )
        self.norm = norm(8 * width)
        self.linear = nn.Linear(8 * width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (N, C, H, W) to logits (N, O)."""
        f = F.relu(self.norm(self.stages(self.conv1(x))))
        return self.linear(f.mean((-2, -1)))


class WideResNet(nn.Module):
    r"""Wide residual network for images of 32x32 pixels, WRN-28-10 by default: few layers of many channels.

    References:
        Wide Residual Networks (Zagoruyko, Komodakis, 2016)

    Arguments:
        depth: Number of convolutions, 6 n + 4 with n blocks a stage; shortcuts not
            counted.
        widen: Factor k of the widths 16, 32 and 64.
        num_classes: Number of classes O.
        in_channels: Channels of the image, 1 for grey and 3 for colour.
        p: Rate of dropout between the convolutions of a block.
        norm: Makes a normalisation from a number of channels.

    Raises:
        ValueError: A depth that is not 10, 16, 22, 28, ...; a factor that is not
            positive.

    Example:
        >>> WideResNet(depth=10, widen=1)(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 10])
    """

    def __init__(
        self,
        depth: int = 28,
        widen: int = 10,
        num_classes: int = 10,
        in_channels: int = 3,
        p: float = 0.0,
        norm: Norm = nn.BatchNorm2d,
    ) -> None:
        super().__init__()
        if depth < 10 or (depth - 4) % 6:
            raise ValueError(
                f"depth is 6 n + 4 with n blocks a stage: 10, 16, 22, 28, ..., not {depth}"
            )
        if widen < 1:
            raise ValueError(f"widen is a factor of at least 1, not {widen}")
        blocks, widths = (depth - 4) // 6, (16, 16 * widen, 32 * widen, 64 * widen)
        self.conv1 = nn.Conv2d(in_channels, widths[0], 3, padding=1, bias=False)
        self.stages = nn.Sequential(
            *(
                stage(widths[k], widths[k + 1], blocks, 1 if k == 0 else 2, norm, p)
                for k in range(3)
            )
        )
        self.norm = norm(widths[-1])
        self.linear = nn.Linear(widths[-1], num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (N, C, H, W) to logits (N, O)."""
        f = F.relu(self.norm(self.stages(self.conv1(x))))
        return self.linear(f.mean((-2, -1)))


class Block(nn.Module):
    """Normalise, rectify, convolve, twice; added to what went in, or to a convolution of it."""

    def __init__(
        self, channels_in: int, channels_out: int, stride: int, norm: Norm, p: float
    ) -> None:
        super().__init__()
        self.norm1 = norm(channels_in)
        self.conv1 = nn.Conv2d(
            channels_in, channels_out, 3, stride=stride, padding=1, bias=False
        )
        self.norm2 = norm(channels_out)
        self.dropout = nn.Dropout(p)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        changes = stride != 1 or channels_in != channels_out
        self.shortcut = (
            nn.Conv2d(channels_in, channels_out, 1, stride=stride, bias=False)
            if changes
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C', H / stride, W / stride)."""
        f = F.relu(self.norm1(x))
        short = x if self.shortcut is None else self.shortcut(f)
        f = self.dropout(F.relu(self.norm2(self.conv1(f))))
        return short + self.conv2(f)


def stage(
    channels_in: int,
    channels_out: int,
    blocks: int,
    stride: int,
    norm: Norm,
    p: float = 0.0,
) -> nn.Sequential:
    """Put blocks in a row, the first of which may halve the image."""
    first = Block(channels_in, channels_out, stride, norm, p)
    return nn.Sequential(
        first,
        *(Block(channels_out, channels_out, 1, norm, p) for _ in range(blocks - 1)),
    )
