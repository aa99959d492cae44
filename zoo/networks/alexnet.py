"""AlexNet for small images, in the variant of the Bayes by Backprop literature."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor, nn

from zoo.networks.initialisation import he_initialise
from zoo.networks.widths import check_channels
from zoo.runtime.recorded import Recorded


class _Convolution(NamedTuple):
    channels: int  # in units of the width
    size: int  # of the kernel, in pixels
    stride: int = 1
    pooled: bool = False


_CONVOLUTIONS = (
    _Convolution(channels=1, size=11, stride=4, pooled=True),
    _Convolution(channels=3, size=5, pooled=True),
    _Convolution(channels=6, size=3),
    _Convolution(channels=4, size=3),
    _Convolution(channels=2, size=3, pooled=True),
)


class AlexNet(nn.Module, Recorded):
    r"""AlexNet for images of 32x32 pixels: five convolutions and one linear layer.

    For large images use `torchvision.models.alexnet`.

    References:
        ImageNet Classification with Deep Convolutional Neural Networks (Krizhevsky, Sutskever,
        Hinton, 2012)
        A Comprehensive guide to Bayesian Convolutional Neural Network with Variational Inference
        (Shridhar, Laumann, Liwicki, 2019)

    Arguments:
        num_classes: Number of classes O.
        in_channels: Channels of the image, 1 for grey and 3 for colour.
        width: Channels of the first convolution. The other layers scale with it; 32
            halves every layer.
        activation: Makes the module after each convolution; the Bayesian variant has
            `nn.Softplus`.

    Raises:
        ValueError: A width that is not positive.

    Example:
        >>> AlexNet(num_classes=10)(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 10])
    """

    def __init__(
        self,
        num_classes: int = 10,
        *,
        in_channels: int = 3,
        width: int = 64,
        activation: Callable[[], nn.Module] = nn.ReLU,
    ) -> None:
        super().__init__()
        check_channels(width)

        layers: list[nn.Module] = []
        channels_in = in_channels
        for convolution in _CONVOLUTIONS:
            channels = convolution.channels * width
            layers += [_conv2d(convolution, channels_in, channels), activation()]
            if convolution.pooled:
                layers.append(nn.MaxPool2d(2))
            channels_in = channels

        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(channels_in, num_classes)
        he_initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (N, C, 32, 32) to logits (N, O)."""
        features = self.features(x)  # (N, 2 width, 1, 1)
        return self.classifier(features.flatten(1))


def _conv2d(convolution: _Convolution, channels_in: int, channels: int) -> nn.Conv2d:
    size, stride = convolution.size, convolution.stride
    return nn.Conv2d(channels_in, channels, size, stride=stride, padding=size // 2)
