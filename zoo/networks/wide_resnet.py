"""WideResNet: a residual network of few layers with many channels."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from zoo.networks.preactivation import PreActivationNetwork


class WideResNet(PreActivationNetwork):
    r"""Wide residual network for images of 32x32 pixels; WRN-28-10 by default.

    References:
        Wide Residual Networks (Zagoruyko, Komodakis, 2016)

    Arguments:
        depth: Number of convolutions, 6 n + 4 with n blocks a stage. Shortcuts are not
            counted.
        widen: Factor k of the widths 16, 32 and 64.
        num_classes: Number of classes O.
        in_channels: Channels of the image, 1 for grey and 3 for colour.
        p: Probability of dropping an element between the two convolutions of a block.
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
        *,
        num_classes: int = 10,
        in_channels: int = 3,
        p: float = 0.0,
        norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
    ) -> None:
        if depth < 10 or (depth - 4) % 6:
            raise ValueError(
                f"depth must be 6 n + 4, with n blocks a stage, e.g. 10, 16, 22 or 28, not {depth}"
            )
        if widen < 1:
            raise ValueError(f"widen must be at least 1, not {widen}")

        num_blocks = (depth - 4) // 6
        super().__init__(
            widths=(16, 16 * widen, 32 * widen, 64 * widen),
            blocks=(num_blocks, num_blocks, num_blocks),
            num_classes=num_classes,
            in_channels=in_channels,
            norm=norm,
            p=p,
        )
