"""PreActResNet: a residual network whose blocks normalise and rectify before each convolution."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from zoo.networks.preactivation import PreActivationNetwork
from zoo.networks.widths import check_channels

# Number of blocks of each of the four stages, by depth.
_BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}


class PreActResNet(PreActivationNetwork):
    r"""Residual network with pre-activation, of 18 or 34 layers, for images of 32x32 pixels.

    .. math:: f_{l+1} = s(f_l) + W_2 * \text{relu}(\text{bn}(W_1 * \text{relu}(\text{bn}(f_l))))

    The shortcut s is the identity. Where size or channels change, it is a convolution of
    1x1 of the output of the first normalisation and rectifier.

    References:
        Identity Mappings in Deep Residual Networks (He, Zhang, Ren, Sun, 2016)

    Arguments:
        depth: 18 or 34.
        num_classes: Number of classes O.
        in_channels: Channels of the image, 1 for grey and 3 for colour.
        width: Channels of the first of the four stages; each has twice as many as the
            one before. 32 halves every layer.
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
        *,
        num_classes: int = 10,
        in_channels: int = 3,
        width: int = 64,
        norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
    ) -> None:
        if depth not in _BLOCKS:
            raise ValueError(f"depth must be 18 or 34, not {depth}")

        check_channels(width)
        super().__init__(
            widths=(width, width, 2 * width, 4 * width, 8 * width),
            blocks=_BLOCKS[depth],
            num_classes=num_classes,
            in_channels=in_channels,
            norm=norm,
        )
