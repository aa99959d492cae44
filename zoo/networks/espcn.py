"""ESPCN: super-resolution by convolutions of the small image and a shuffle of its channels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from zoo.runtime.recorded import Recorded

_KERNELS = (5, 3, 3)


class ESPCN(nn.Module, Recorded):
    r"""Efficient sub-pixel convolutional network for images that become `factor` times as large.

    .. math:: f(x) = \text{shuffle}_r(W_3 * \tanh(W_2 * \tanh(W_1 * x)))

    The last convolution has r² channels for each channel of the image, which the shuffle
    puts into r x r pixels. All else happens at the size of the small image.

    At the start the r² kernels of the last convolution are equal, so that the large image
    is the small one with repeated pixels, under an untrained map. Kernels drawn
    independently begin with a checkerboard.

    References:
        Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel
        Convolutional Neural Network (Shi, Caballero, Huszár, Totz, Aitken, Bishop, Rueckert,
        Wang, 2016), section 4
        Checkerboard artifact free sub-pixel convolution (Aitken, Ledig, Theis, Caballero, Wang,
        Shi, 2017), for the initial kernels

    Arguments:
        factor: How many times as high and as wide the large image is.
        channels: Channels of the image, 1 for the luminance.
        out_channels: Channels of the output, e.g. 2 for the mean and the noise scale of each
            pixel under `likelihoods.HeteroscedasticGaussian(dim=-3)`; by default those of
            the image.
        widths: Channels after the first and the second convolution.
        activation: Makes the module after each of them.
        residual: Whether the small image, with repeated pixels, is added to the output.
            The paper does not do this; the network then learns what is missing, and
            needs several times fewer steps. Further channels of the output get nothing.

    Raises:
        ValueError: A factor below 1, not two positive widths, or fewer channels of the
            output than of the image.

    Example:
        >>> network = ESPCN(factor=3)
        >>> network(torch.zeros(2, 1, 17, 20)).shape
        torch.Size([2, 1, 51, 60])
        >>> sum(parameter.numel() for parameter in network.parameters())
        22729
    """

    def __init__(
        self,
        factor: int = 3,
        *,
        channels: int = 1,
        out_channels: int | None = None,
        widths: Sequence[int] = (64, 32),
        activation: Callable[[], nn.Module] = nn.Tanh,
        residual: bool = False,
    ) -> None:
        super().__init__()
        if factor < 1:
            raise ValueError(
                f"factor must be a whole number of times, at least 1, not {factor}"
            )
        if len(widths) != 2 or min(widths) < 1:
            raise ValueError(
                f"widths must be two numbers of channels, e.g. (64, 32), not {widths}"
            )

        if out_channels is None:
            out_channels = channels
        if out_channels < channels:
            raise ValueError(
                f"out_channels must be at least the {channels} channel(s) of the image, not "
                f"{out_channels}"
            )

        first, second = widths
        self.conv1 = _convolution(channels, first, _KERNELS[0])
        self.conv2 = _convolution(first, second, _KERNELS[1])
        self.conv3 = _convolution(second, out_channels * factor**2, _KERNELS[2])
        self.activation = activation()
        self.shuffle = nn.PixelShuffle(factor)
        self.residual = residual
        _repeat_kernels(self.conv3, factor**2)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (N, C, H, W) to images (N, C, factor H, factor W)."""
        f = self.activation(self.conv1(x))
        f = self.activation(self.conv2(f))

        f = self.conv3(f)  # (N, C factor², H, W)
        if self.residual:
            repeated = x.repeat_interleave(self.shuffle.upscale_factor**2, 1)
            num_further = f.shape[1] - repeated.shape[1]
            f = f + pad(repeated, (0, 0, 0, 0, 0, num_further))

        return self.shuffle(f)


def _convolution(channels_in: int, channels: int, size: int) -> nn.Conv2d:
    """Make a convolution that keeps height and width."""
    return nn.Conv2d(channels_in, channels, size, padding=size // 2)


def _repeat_kernels(layer: nn.Conv2d, times: int) -> None:
    """Let each group of consecutive kernels, which share a channel of the image, be its first."""
    with torch.no_grad():
        for parameter in layer.parameters():
            first = parameter[::times]
            parameter.copy_(first.repeat_interleave(times, 0))
