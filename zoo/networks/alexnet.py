"""AlexNet for small images, as the Bayesian convolutional networks by Bayes by Backprop have it."""

from collections.abc import Callable

from torch import Tensor, nn

from zoo.networks.initialisation import he


class AlexNet(nn.Module):
    r"""AlexNet for images of 32x32 pixels: five convolutions and one linear layer. The large one is torchvision's.

    References:
        ImageNet Classification with Deep Convolutional Neural Networks (Krizhevsky, Sutskever, Hinton, 2012)
        A Comprehensive guide to Bayesian Convolutional Neural Network with Variational Inference (Shridhar, Laumann,
        Liwicki, 2019)

    Arguments:
        num_classes: Number of classes O.
        in_channels: Channels of the image, 1 for grey and 3 for colour.
        width: Channels of the first convolution; the others keep their proportion. 32
            is the half width.
        activation: Makes the module after each convolution, `nn.Softplus` in the
            Bayesian one.

    Raises:
        ValueError: A width that is not positive.

    Example:
        >>> AlexNet(num_classes=10)(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 10])
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 3,
        width: int = 64,
        activation: Callable[[], nn.Module] = nn.ReLU,
    ) -> None:
        super().__init__()
        if width < 1:
            raise ValueError(f"width is a number of channels, at least 1, not {width}")
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, width, 11, stride=4, padding=5),
            activation(),
            nn.MaxPool2d(2),
            nn.Conv2d(width, 3 * width, 5, padding=2),
            activation(),
            nn.MaxPool2d(2),
            nn.Conv2d(3 * width, 6 * width, 3, padding=1),
            activation(),
            nn.Conv2d(6 * width, 4 * width, 3, padding=1),
            activation(),
            nn.Conv2d(4 * width, 2 * width, 3, padding=1),
            activation(),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Linear(2 * width, num_classes)
        he(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (N, C, 32, 32) to logits (N, O)."""
        return self.classifier(self.features(x).flatten(1))
