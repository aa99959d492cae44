"""VGG for small images: blocks of 3x3 convolutions, each block half the size of the one before."""

from collections.abc import Callable

from torch import Tensor, nn

from zoo.networks.initialisation import he

BLOCKS = (
    (1, 1),
    (2, 2),
    (4, 4, 4),
    (8, 8, 8),
    (8, 8, 8),
)  # channels of each convolution in units of the width


class VGG16(nn.Module):
    r"""VGG-16 for images of 32x32 pixels: thirteen convolutions, three linear layers. The large one is torchvision's.

    References:
        Very Deep Convolutional Networks for Large-Scale Image Recognition (Simonyan, Zisserman, 2015)
        Tackling covariate shift with node-based Bayesian neural networks (Trinh, Heinonen, Acerbi, Kaski, 2022), which
        counts 15 million weights and 5,251 nodes

    Arguments:
        num_classes: Number of classes O.
        in_channels: Channels of the image, 1 for grey and 3 for colour.
        width: Channels of the first block; the last has eight times as many. 32 is the
            half width.
        norm: Makes the layer after each convolution, `nn.BatchNorm2d` say; none by
            default.
        p: Rate of dropout before each hidden linear layer.
        activation: Makes the module after each layer, `nn.Softplus` say.

    Raises:
        ValueError: A width that is not positive.

    Example:
        >>> VGG16(num_classes=10, width=8)(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 10])
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 3,
        width: int = 64,
        norm: Callable[[int], nn.Module] | None = None,
        p: float = 0.5,
        activation: Callable[[], nn.Module] = nn.ReLU,
    ) -> None:
        super().__init__()
        if width < 1:
            raise ValueError(f"width is a number of channels, at least 1, not {width}")
        layers: list[nn.Module] = []
        for block in BLOCKS:
            for times in block:
                layers.append(nn.Conv2d(in_channels, times * width, 3, padding=1))
                layers += [norm(times * width)] if norm is not None else []
                layers.append(activation())
                in_channels = times * width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Dropout(p),
            nn.Linear(in_channels, in_channels),
            activation(),
            nn.Dropout(p),
            nn.Linear(in_channels, in_channels),
            activation(),
            nn.Linear(in_channels, num_classes),
        )
        he(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (N, C, 32, 32) to logits (N, O)."""
        return self.classifier(self.features(x).flatten(1))
