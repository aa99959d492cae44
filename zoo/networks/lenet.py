"""LeNet-5: two convolutions with pooling, three linear layers."""

from collections.abc import Callable

from torch import Tensor, nn


class LeNet5(nn.Module):
    r"""LeNet-5 for images of 28x28 or 32x32 pixels, with max-pooling and rectifiers by default.

    Not the network of 1998 to the letter: its trainable pooling and radial-basis output have long been replaced by
    plain pooling and a linear layer, as in the papers that put priors on it.

    References:
        Gradient-based learning applied to document recognition (LeCun, Bottou, Bengio, Haffner, 1998)

    Arguments:
        num_classes: Number of classes O.
        in_channels: Channels of the image, 1 for grey and 3 for colour.
        image_size: Height and width of the image in pixels.
        activation: Makes the module after each layer, `nn.Softplus` say.

    Example:
        >>> network = LeNet5(num_classes=10)
        >>> network(torch.zeros(8, 1, 28, 28)).shape
        torch.Size([8, 10])
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 1,
        image_size: int = 28,
        activation: Callable[[], nn.Module] = nn.ReLU,
    ) -> None:
        super().__init__()
        padding = 2 if image_size == 28 else 0
        side = ((image_size + 2 * padding - 4) // 2 - 4) // 2
        if side < 1:
            raise ValueError(f"LeNet5 needs images of at least 16x16 pixels, not {image_size}x{image_size}")
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, 6, 5, padding=padding),
            activation(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 5),
            activation(),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(16 * side * side, 120),
            activation(),
            nn.Linear(120, 84),
            activation(),
            nn.Linear(84, num_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map images (N, C, H, W) to logits (N, O)."""
        return self.classifier(self.features(x))
