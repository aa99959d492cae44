"""Network in Network: small perceptrons slid over the image, and an average of maps in place of linear layers."""

from collections.abc import Callable

from torch import Tensor, nn

from zoo.networks.initialisation import he

Activation = Callable[[], nn.Module]


class NIN(nn.Module):
    r"""Network in Network for images of 32x32 pixels, dropout after its first two blocks.

    References:
        Network In Network (Lin, Chen, Yan, 2014)
        Bayesian Convolutional Neural Networks with Bernoulli Approximate Variational Inference (Gal, Ghahramani, 2016),
        which draws its dropout at prediction

    Arguments:
        num_classes: Number of classes O.
        in_channels: Channels of the image, 1 for grey and 3 for colour.
        width: Channels of the widest layers. 96 is the half width.
        p: Rate of dropout.
        activation: Makes the module after each convolution, `nn.Softplus` say.

    Raises:
        ValueError: A width that is no multiple of 6 or not positive.

    Example:
        >>> NIN(num_classes=10, width=12)(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 10])
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 3,
        width: int = 192,
        p: float = 0.5,
        activation: Activation = nn.ReLU,
    ) -> None:
        super().__init__()
        if width < 6 or width % 6:
            raise ValueError(
                f"width is a multiple of 6, whose half and five sixths are layers too, not {width}"
            )
        self.features = nn.Sequential(
            *perceptron(
                in_channels, 5, (width, width * 5 // 6, width // 2), activation
            ),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            nn.Dropout(p),
            *perceptron(width // 2, 5, (width, width, width), activation),
            nn.AvgPool2d(3, 2, ceil_mode=True),
            nn.Dropout(p),
            *perceptron(width, 3, (width, width, num_classes), activation)[:-1],
        )
        he(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (N, C, H, W) to logits (N, O)."""
        return self.features(x).mean((-2, -1))


def perceptron(
    channels_in: int, size: int, widths: tuple[int, ...], activation: Activation
) -> list[nn.Module]:
    """Return a convolution and more of 1x1, each with an activation: a perceptron slid over the image."""
    layers: list[nn.Module] = []
    for number, width in enumerate(widths):
        size = size if number == 0 else 1
        layers += [nn.Conv2d(channels_in, width, size, padding=size // 2), activation()]
        channels_in = width
    return layers
