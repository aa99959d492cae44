"""SegNet: labels of pixels from a decoder that puts maxima back where they came from."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.networks.initialisation import he_initialise
from zoo.networks.widths import check_channels
from zoo.runtime.recorded import Recorded

# Channels of each convolution of each encoder, in units of the width.
_BASIC = ((1,), (1,), (1,), (1,))
_FULL = ((1, 1), (2, 2), (4, 4, 4), (8, 8, 8), (8, 8, 8))
_FIRST_DROPPED = 3  # poolings before the first dropout


class SegNet(nn.Module, Recorded):
    r"""Labels of pixels: convolutions and poolings, then unpoolings to the places of the maxima.

    .. math:: (f_{l+1}, k_l) = \text{maxpool}(E_l(f_l)), \qquad
        g_l = D_l(\text{unpool}(g_{l+1}, k_l))

    The decoder has the places k of the maxima that the encoder took, not the features.
    SegNet-Basic has an encoder of four convolutions of 7x7 pixels and a linear decoder;
    SegNet has the thirteen convolutions of VGG-16. A normalisation follows each
    convolution, which has no bias of its own. Images may have any size: a pooling of an
    odd side rounds up, as in the authors' program.

    There are no dropout layers, because dropout is the guide's. `dropped` names the
    convolutions whose inputs are dropped in Bayesian SegNet:
    `guides.MCDropout(model, p=0.5, layers=network.dropped)`. The paper drops single
    pixels of a channel, and `MCDropout` whole channels, unless it has masks="element".

    References:
        SegNet: A Deep Convolutional Encoder-Decoder Architecture for Image Segmentation
        (Badrinarayanan, Kendall, Cipolla, 2017)
        Bayesian SegNet: Model Uncertainty in Deep Convolutional Encoder-Decoder Architectures
        for Scene Understanding (Kendall, Badrinarayanan, Cipolla, 2017)

    Arguments:
        num_classes: Number of classes O.
        basic: Whether it is SegNet-Basic.
        in_channels: Channels of the image, 1 for grey and 3 for colour.
        width: Channels of the first convolution.
        kernel_size: Side of the convolutions, an odd number of pixels; by default 7 for
            SegNet-Basic, else 3.

    Raises:
        ValueError: A width that is not positive, or an even kernel size.

    Example:
        >>> network = SegNet(num_classes=11, basic=True, width=8)
        >>> network(torch.zeros(2, 3, 45, 60)).shape
        torch.Size([2, 11, 45, 60])
        >>> network.dropped
        ('encoders.3.0.conv', 'decoders.3.0.conv', 'decoders.2.0.conv', 'decoders.1.0.conv')
    """

    def __init__(
        self,
        num_classes: int = 11,
        *,
        basic: bool = False,
        in_channels: int = 3,
        width: int = 64,
        kernel_size: int | None = None,
    ) -> None:
        super().__init__()
        check_channels(width)
        size = kernel_size or (7 if basic else 3)
        if size % 2 == 0:
            raise ValueError(
                f"kernel_size must be odd, so that an image keeps its size, not {size}"
            )

        self.encoders = nn.ModuleList()
        self.decoders = nn.ModuleList()
        channels_in = in_channels
        for multiples in _BASIC if basic else _FULL:
            widths = [multiple * width for multiple in multiples]
            self.encoders.append(_chain([channels_in, *widths], size, rectified=True))

            back = _widths_back(channels_in, widths, is_first=len(self.decoders) == 0)
            self.decoders.append(_chain(back, size, rectified=not basic))
            channels_in = widths[-1]

        side = 1 if basic else size
        self.classifier = nn.Conv2d(width, num_classes, side, padding=side // 2)
        he_initialise(self)

    @property
    def dropped(self) -> tuple[str, ...]:
        """The convolutions whose inputs are dropped in the paper, in the order of the pass."""
        deepest = len(self.encoders) - 1
        after_poolings = [
            f"encoders.{level}.0.conv" for level in range(_FIRST_DROPPED, deepest + 1)
        ]
        after_unpoolings = [
            f"decoders.{level}.0.conv" for level in range(deepest, 0, -1)
        ]

        return (*after_poolings, *after_unpoolings)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (N, C, H, W) to logits (N, O, H, W)."""
        f = x
        places = []
        for encoder in self.encoders:
            f = encoder(f)
            size = f.shape[-2:]
            f, indices = F.max_pool2d(f, 2, ceil_mode=True, return_indices=True)
            places.append((indices, size))

        for decoder, (indices, size) in zip(
            reversed(self.decoders), reversed(places), strict=True
        ):
            f = decoder(_unpooled(f, indices, size))

        return self.classifier(f)


class _Layer(nn.Module):
    """A convolution that keeps the size of the image, a normalisation, and a rectifier or none.

    Arguments:
        channels_in: Channels of the input.
        channels: Channels of the output.
        size: Side of the kernel in pixels.
        rectified: Whether a rectifier follows.
    """

    def __init__(
        self, channels_in: int, channels: int, size: int, rectified: bool
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            channels_in, channels, size, padding=size // 2, bias=False
        )
        self.norm = nn.BatchNorm2d(channels)
        self.activation = nn.ReLU() if rectified else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C', H, W)."""
        return self.activation(self.norm(self.conv(x)))


def _unpooled(f: Tensor, indices: Tensor, size: torch.Size) -> Tensor:
    """Return an image of zeros with the maxima of a pooling in their places.

    It is `F.max_unpool2d`, which has no rule for a batch of draws.

    Arguments:
        f: The values, (N, C, H / 2, W / 2).
        indices: Their places in the image, of the same shape.
        size: Height and width of the image, H and W.
    """
    zeros = f.new_zeros(*f.shape[:2], size.numel())
    pixels = zeros.scatter(-1, indices.flatten(2), f.flatten(2))

    return pixels.unflatten(-1, size)


def _chain(widths: list[int], size: int, *, rectified: bool) -> nn.Sequential:
    """Make layers from the channels before the first of them and after each."""
    chain = nn.Sequential()
    for channels_in, channels in pairwise(widths):
        chain.append(_Layer(channels_in, channels, size, rectified))

    return chain


def _widths_back(channels_in: int, widths: list[int], *, is_first: bool) -> list[int]:
    """Return the channels of the decoder of an encoder, in its order.

    The decoder of the first encoder ends with its width: of several convolutions the last
    one is the classifier.

    Arguments:
        channels_in: Channels of the input of the encoder.
        widths: Channels of the outputs of its convolutions.
        is_first: Whether it is the first one.
    """
    back = widths[::-1]
    if is_first:
        return back if len(back) > 1 else [*back, back[-1]]

    return [*back, channels_in]
