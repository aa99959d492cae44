"""Deeply-supervised net: a network in network whose hidden layers have classifiers of their own while it learns."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from zoo.networks.initialisation import he
from zoo.networks.nin import perceptron


class DSN(nn.Module):
    r"""Deeply-supervised net for images of 32x32 pixels: in training its three hidden companions say a class too.

    .. math:: f = h_3(h_2(h_1(x))), \qquad f_m = W_m \, \text{conv}_m(\cdot) + b_m, \quad m = 1, 2, 3

    A network in network with maxima in its second pooling too, and a linear classifier
    on the output of the first convolution of each block, before its rectifier. In
    training outputs are (N, 1 + 3, O), the network's own first, for
    `likelihoods.DeeplySupervised`; in evaluation they are the network's own, (N, O).
    The authors' code has squared hinge losses for all four; here they are what the
    likelihood says.

    References:
        Deeply-Supervised Nets (Lee, Xie, Gallagher, Zhang, Tu, 2015)
        Bayesian Convolutional Neural Networks with Bernoulli Approximate Variational Inference (Gal, Ghahramani, 2016),
        which draws its dropout at prediction

    Arguments:
        num_classes: Number of classes O.
        in_channels: Channels of the image, 1 for grey and 3 for colour.
        width: Channels of the widest layers. 96 is the half width.
        p: Rate of dropout.
        image_size: Height and width of the image in pixels, which the companions depend
            on.
        companions: Whether there are companions; without them it takes any likelihood
            of classes.
        activation: Makes the module after each convolution, `nn.Softplus` say.

    Raises:
        ValueError: A width that is no multiple of 6 or not positive, an image of less
            than 3x3 pixels.

    Example:
        >>> network = DSN(num_classes=10, width=12)
        >>> network(torch.zeros(2, 3, 32, 32)).shape, network.eval()(torch.zeros(2, 3, 32, 32)).shape
        (torch.Size([2, 4, 10]), torch.Size([2, 10]))
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 3,
        width: int = 192,
        p: float = 0.5,
        image_size: int = 32,
        companions: bool = True,
        activation: Callable[[], nn.Module] = nn.ReLU,
    ) -> None:
        super().__init__()
        if width < 6 or width % 6:
            raise ValueError(
                f"width is a multiple of 6, whose half and five sixths are layers too, not {width}"
            )
        if image_size < 3:
            raise ValueError(
                f"DSN needs images of at least 3x3 pixels, not {image_size}x{image_size}"
            )
        blocks = (
            perceptron(in_channels, 5, (width, width * 5 // 6, width // 2), activation),
            perceptron(width // 2, 5, (width, width, width), activation),
            perceptron(width, 3, (width, width, num_classes), activation)[:-1],
        )
        pools = [[nn.MaxPool2d(3, 2, ceil_mode=True), nn.Dropout(p)] for _ in range(2)]
        sides = (image_size, image_size // 2, image_size // 2 // 2)
        heads = (
            [nn.Linear(width * side * side, num_classes) for side in sides]
            if companions
            else []
        )
        self.companions = nn.ModuleList(
            heads
        )  # first, for the last layer is the one that predicts
        self.convolutions = nn.ModuleList([block[0] for block in blocks])
        self.perceptrons = nn.ModuleList(
            [
                nn.Sequential(*block[1:], *pool)
                for block, pool in zip(blocks, [*pools, []], strict=True)
            ]
        )
        he(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (N, C, H, W) to logits (N, O), in training with those of the companions, (N, 1 + 3, O)."""
        said = []
        for number, (convolution, rest) in enumerate(
            zip(self.convolutions, self.perceptrons, strict=True)
        ):
            x = convolution(x)
            if self.training and len(self.companions) > 0:
                said.append(self.companions[number](x.flatten(1)))
            x = rest(x)
        logits = x.mean((-2, -1))
        return torch.stack([logits, *said], dim=1) if said else logits
