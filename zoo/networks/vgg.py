"""VGG for small images: blocks of 3x3 convolutions, with a pooling after each block."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from zoo.networks.initialisation import he_initialise
from zoo.networks.widths import check_channels
from zoo.runtime.recorded import Recorded

# Channels of each convolution of each block, in units of the width.
_BLOCKS = ((1, 1), (2, 2), (4, 4, 4), (8, 8, 8), (8, 8, 8))


class VGG16(nn.Module, Recorded):
    r"""VGG-16 for images of 32x32 pixels: thirteen convolutions and three linear layers.

    For large images use `torchvision.models.vgg16`.

    References:
        Very Deep Convolutional Networks for Large-Scale Image Recognition (Simonyan, Zisserman,
        2015)
        Tackling covariate shift with node-based Bayesian neural networks (Trinh, Heinonen, Acerbi,
        Kaski, 2022), which counts 15 million weights and 5,251 nodes

    Arguments:
        num_classes: Number of classes O.
        in_channels: Channels of the image, 1 for grey and 3 for colour.
        width: Channels of the first block; the last block has eight times as many. 32
            halves every layer.
        norm: Makes a normalisation from a number of channels, e.g. `nn.BatchNorm2d`; it
            follows each convolution. None by default.
        p: Probability of dropping an input of the two hidden linear layers.
        activation: Makes the module after each layer, e.g. `nn.Softplus`.

    Raises:
        ValueError: A width that is not positive.

    Example:
        >>> VGG16(num_classes=10, width=8)(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 10])
    """

    def __init__(
        self,
        num_classes: int = 10,
        *,
        in_channels: int = 3,
        width: int = 64,
        norm: Callable[[int], nn.Module] | None = None,
        p: float = 0.5,
        activation: Callable[[], nn.Module] = nn.ReLU,
    ) -> None:
        super().__init__()
        check_channels(width)

        layers: list[nn.Module] = []
        channels_in = in_channels
        for block in _BLOCKS:
            for multiple in block:
                channels = multiple * width
                layers.append(nn.Conv2d(channels_in, channels, 3, padding=1))
                if norm is not None:
                    layers.append(norm(channels))
                layers.append(activation())
                channels_in = channels
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)

        units = channels_in
        self.classifier = nn.Sequential(
            nn.Dropout(p),
            nn.Linear(units, units),
            activation(),
            nn.Dropout(p),
            nn.Linear(units, units),
            activation(),
            nn.Linear(units, num_classes),
        )
        he_initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (N, C, 32, 32) to logits (N, O)."""
        features = self.features(x)  # (N, 8 width, 1, 1)
        return self.classifier(features.flatten(1))
