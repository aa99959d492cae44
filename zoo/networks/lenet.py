"""LeNet: two convolutions with pooling, then linear layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

from torch import Tensor, nn

from zoo.runtime.recorded import Recorded

_Where = Literal["none", "ip", "all"]


class LeNet5(nn.Module, Recorded):
    r"""LeNet-5 for small images, e.g. of 28x28 pixels, with max-pooling and ReLU by default.

    It is not exactly the network of 1998: plain pooling and a linear layer replace the
    trainable pooling and the radial-basis output, as in the papers that put priors on
    this network.

    References:
        Gradient-based learning applied to document recognition (LeCun, Bottou, Bengio, Haffner,
        1998)

    Arguments:
        num_classes: Number of classes O.
        in_channels: Channels of the image, 1 for grey and 3 for colour.
        image_size: Height and width of the image in pixels, at least 16.
        activation: Makes the module after each layer, e.g. `nn.Softplus`.

    Raises:
        ValueError: An image that is too small.

    Example:
        >>> network = LeNet5(num_classes=10)
        >>> network(torch.zeros(8, 1, 28, 28)).shape
        torch.Size([8, 10])
    """

    def __init__(
        self,
        num_classes: int = 10,
        *,
        in_channels: int = 1,
        image_size: int = 28,
        activation: Callable[[], nn.Module] = nn.ReLU,
    ) -> None:
        super().__init__()
        padding = 2 if image_size == 28 else 0
        side = (image_size + 2 * padding - 4) // 2  # after the first pooling
        side = (side - 4) // 2  # after the second
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
        features = self.features(x)
        return self.classifier(features)


class LeNet(nn.Module, Recorded):
    r"""LeNet with more channels, as in the papers on dropout, for images of 28x28 pixels.

    It has twenty and fifty convolutions of 5x5, each followed by pooling, and 500 hidden
    units. `dropout="ip"` drops units before the last inner product, as usual.
    `dropout="all"` also drops inputs of the second convolution and of the hidden layer,
    which is Bernoulli variational inference over every kernel.

    References:
        Bayesian Convolutional Neural Networks with Bernoulli Approximate Variational Inference
        (Gal, Ghahramani, 2016)

    Arguments:
        num_classes: Number of classes O.
        in_channels: Channels of the image, 1 for grey and 3 for colour.
        dropout: _Where dropout is: "none", "ip" or "all".
        p: Probability of dropping.
        width: Units of the hidden layer; the convolutions scale with it. 250 halves
            every layer.

    Raises:
        ValueError: Another place for dropout, or a width that is not a positive multiple
            of 50.

    Example:
        >>> LeNet(dropout="all")(torch.zeros(8, 1, 28, 28)).shape
        torch.Size([8, 10])
    """

    def __init__(
        self,
        num_classes: int = 10,
        *,
        in_channels: int = 1,
        dropout: _Where = "none",
        p: float = 0.5,
        width: int = 500,
    ) -> None:
        super().__init__()
        if dropout not in get_args(_Where):
            raise ValueError(f"dropout must be 'none', 'ip' or 'all', not {dropout!r}")
        if width < 50 or width % 50:
            raise ValueError(
                "width must be a multiple of 50, because convolutions have 1/25 and 1/10 of it, "
                f"not {width}"
            )

        first = width // 25
        second = width // 10
        p_features = p if dropout == "all" else 0.0
        p_output = 0.0 if dropout == "none" else p
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, first, 5),
            nn.MaxPool2d(2),
            nn.Dropout(p_features),
            nn.Conv2d(first, second, 5),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Dropout(p_features),
            nn.Linear(16 * second, width),
            nn.ReLU(),
            nn.Dropout(p_output),
            nn.Linear(width, num_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map images (N, C, 28, 28) to logits (N, O)."""
        features = self.features(x)
        return self.classifier(features)
