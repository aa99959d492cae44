"""Network in Network: small perceptrons at every pixel, and an average over pixels as output."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from zoo.networks.initialisation import he_initialise
from zoo.networks.widths import check_sixths
from zoo.runtime.recorded import Recorded


class NIN(nn.Module, Recorded):
    r"""Network in Network for images of 32x32 pixels, with dropout after its first two blocks.

    References:
        Network In Network (Lin, Chen, Yan, 2014)
        Bayesian Convolutional Neural Networks with Bernoulli Approximate Variational Inference
        (Gal, Ghahramani, 2016), which also applies the dropout at prediction

    Arguments:
        num_classes: Number of classes O.
        in_channels: Channels of the image, 1 for grey and 3 for colour.
        width: Channels of the widest layers. 96 halves every layer.
        p: Probability of dropping an element of the output of a block.
        activation: Makes the module after each convolution, e.g. `nn.Softplus`.

    Raises:
        ValueError: A width that is not a positive multiple of 6.

    Example:
        >>> NIN(num_classes=10, width=12)(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 10])
    """

    def __init__(
        self,
        num_classes: int = 10,
        *,
        in_channels: int = 3,
        width: int = 192,
        p: float = 0.5,
        activation: Callable[[], nn.Module] = nn.ReLU,
    ) -> None:
        super().__init__()
        check_sixths(width)

        block1, block2, block3 = mlp_blocks(in_channels, width, num_classes, activation)

        self.features = nn.Sequential(
            *block1,
            nn.MaxPool2d(3, 2, ceil_mode=True),
            nn.Dropout(p),
            *block2,
            nn.AvgPool2d(3, 2, ceil_mode=True),
            nn.Dropout(p),
            *block3,
        )
        he_initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (N, C, H, W) to logits (N, O)."""
        maps = self.features(x)  # (N, O, H / 4, W / 4)
        return maps.mean((-2, -1))


def mlp_blocks(
    in_channels: int,
    width: int,
    num_classes: int,
    activation: Callable[[], nn.Module],
) -> tuple[list[nn.Module], list[nn.Module], list[nn.Module]]:
    """Make the layers of the three blocks, without pooling and dropout.

    Arguments:
        in_channels: Channels of the image.
        width: Channels of the widest layers.
        num_classes: Channels of the last convolution, which has no activation.
        activation: Makes the module after each other convolution.
    """
    half = width // 2
    first = (width, width * 5 // 6, half)
    second = (width, width, width)
    last = (width, width, num_classes)

    block1 = _mlp_convolution(in_channels, 5, first, activation)
    block2 = _mlp_convolution(half, 5, second, activation)
    block3 = _mlp_convolution(width, 3, last, activation)
    block3.pop()  # the activation

    return block1, block2, block3


def _mlp_convolution(
    channels_in: int,
    size: int,
    widths: Sequence[int],
    activation: Callable[[], nn.Module],
) -> list[nn.Module]:
    """Make a convolution and then convolutions of 1x1, with an activation after each.

    The convolutions of 1x1 are a perceptron that is applied at every pixel.

    Arguments:
        channels_in: Channels of the input.
        size: Height and width of the first kernel, an odd number.
        widths: Channels of each convolution.
        activation: Makes the module after each convolution.
    """
    layers: list[nn.Module] = []
    for width in widths:
        layers.append(nn.Conv2d(channels_in, width, size, padding=size // 2))
        layers.append(activation())
        channels_in = width
        size = 1
    return layers
