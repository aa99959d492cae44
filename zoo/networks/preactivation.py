"""The base of PreActResNet and WideResNet, whose blocks normalise before each convolution."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from zoo.runtime.recorded import Recorded


class PreActivationNetwork(nn.Module, Recorded):
    """A convolution, stages of residual blocks, a normalisation and a linear layer.

    Arguments:
        widths: Channels of the first convolution, then of each stage.
        blocks: Number of blocks of each stage. Every stage but the first halves the
            image.
        num_classes: Number of classes O.
        in_channels: Channels of the image.
        norm: Makes a normalisation from a number of channels.
        p: Probability of dropping an element between the two convolutions of a block.
    """

    def __init__(
        self,
        widths: Sequence[int],
        blocks: Sequence[int],
        *,
        num_classes: int,
        in_channels: int,
        norm: Callable[[int], nn.Module],
        p: float = 0.0,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, widths[0], 3, padding=1, bias=False)

        self.stages = nn.Sequential()
        for number, num_blocks in enumerate(blocks):
            channels_in = widths[number]
            channels = widths[number + 1]
            stride = 1 if number == 0 else 2

            stage = nn.Sequential(_Block(channels_in, channels, stride, norm, p))
            for _ in range(num_blocks - 1):
                stage.append(_Block(channels, channels, 1, norm, p))
            self.stages.append(stage)

        self.norm = norm(widths[-1])
        self.linear = nn.Linear(widths[-1], num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (N, C, H, W) to logits (N, O)."""
        f = self.conv1(x)
        f = self.stages(f)
        f = self.norm(f)
        f = F.relu(f).mean((-2, -1))  # (N, widths[-1])

        return self.linear(f)


class _Block(nn.Module):
    """Twice a normalisation, a rectifier and a convolution, then the sum with the shortcut."""

    def __init__(
        self,
        channels_in: int,
        channels: int,
        stride: int,
        norm: Callable[[int], nn.Module],
        p: float,
    ) -> None:
        super().__init__()
        self.norm1 = norm(channels_in)
        self.conv1 = nn.Conv2d(
            channels_in, channels, 3, stride=stride, padding=1, bias=False
        )
        self.norm2 = norm(channels)
        self.dropout = nn.Dropout(p)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

        self.shortcut: nn.Conv2d | None = None
        changes_shape = stride != 1 or channels_in != channels
        if changes_shape:
            self.shortcut = nn.Conv2d(
                channels_in, channels, 1, stride=stride, bias=False
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C', H / stride, W / stride)."""
        f = F.relu(self.norm1(x))
        short = x if self.shortcut is None else self.shortcut(f)

        f = self.conv1(f)
        f = F.relu(self.norm2(f))
        f = self.dropout(f)
        f = self.conv2(f)

        return short + f
