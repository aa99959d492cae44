"""LeNet-5: two convolutions with pooling, three linear layers."""

from collections.abc import Callable

from torch import Tensor, nn


class LeNet5(nn.Module):
    r"""LeNet-5 for images of 28x28 or 32x32 pixels, with max-pooling and rectifiers by default.

    Not the network of 1998 to the letter: its trainable pooling and radial-basis output
    have long been replaced by plain pooling and a linear layer, as in the papers that
    put priors on it.

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
            raise ValueError(
                f"LeNet5 needs images of at least 16x16 pixels, not {image_size}x{image_size}"
            )
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


class LeNet(nn.Module):
    r"""The wider LeNet of the dropout papers, for images of 28x28 pixels, dropout nowhere, at one layer or at all.

    Twenty and fifty convolutions of 5x5, each pooled, and 500 units. "ip" drops out the
    units before the last inner product, as usual; "all" also the inputs of the second
    convolution and of the hidden layer, which is Bernoulli variational inference over
    every kernel.

    References:
        Bayesian Convolutional Neural Networks with Bernoulli Approximate Variational Inference (Gal, Ghahramani, 2016)

    Arguments:
        num_classes: Number of classes O.
        in_channels: Channels of the image, 1 for grey and 3 for colour.
        dropout: "none", "ip" or "all".
        p: Rate of dropout.
        width: Units of the hidden layer; convolutions keep their proportion. 250 is the
            half width.

    Raises:
        ValueError: Another place for dropout, or a width below 50 or that is no
            multiple of 50.

    Example:
        >>> LeNet(dropout="all")(torch.zeros(8, 1, 28, 28)).shape
        torch.Size([8, 10])
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 1,
        dropout: str = "none",
        p: float = 0.5,
        width: int = 500,
    ) -> None:
        super().__init__()
        if dropout not in ("none", "ip", "all"):
            raise ValueError(f"dropout is 'none', 'ip' or 'all', not {dropout!r}")
        if width < 50 or width % 50:
            raise ValueError(
                f"width is a multiple of 50, of which convolutions are parts, not {width}"
            )
        first, second = width // 25, width // 10
        everywhere = p if dropout == "all" else 0.0
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, first, 5),
            nn.MaxPool2d(2),
            nn.Dropout(everywhere),
            nn.Conv2d(first, second, 5),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Dropout(everywhere),
            nn.Linear(16 * second, width),
            nn.ReLU(),
            nn.Dropout(0.0 if dropout == "none" else p),
            nn.Linear(width, num_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map images (N, C, 28, 28) to logits (N, O)."""
        return self.classifier(self.features(x))
