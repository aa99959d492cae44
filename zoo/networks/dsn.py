"""Deeply-supervised net: a network in network whose hidden layers have classifiers in training."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from zoo.networks.initialisation import he_initialise
from zoo.networks.nin import mlp_blocks
from zoo.networks.widths import check_sixths
from zoo.runtime.recorded import Recorded


class DSN(nn.Module, Recorded):
    r"""Deeply-supervised net for images of 32x32 pixels: in training, hidden layers classify too.

    .. math::
        f = h_3(h_2(h_1(x))), \qquad
        f_m = W_m \, \text{conv}_m(\cdot) + b_m, \quad m = 1, 2, 3

    It is a network in network (`NIN`) whose second pooling takes maxima as well. Each of
    its three blocks has a companion: a linear classifier on the output of the first
    convolution of the block, before its rectifier.

    In training the outputs are (N, 1 + 3, O), the network's own first, for
    `likelihoods.DeeplySupervised`. In evaluation they are the network's own, (N, O). The
    authors' code has squared hinge losses for all four; here the likelihood decides.

    References:
        Deeply-Supervised Nets (Lee, Xie, Gallagher, Zhang, Tu, 2015)
        Bayesian Convolutional Neural Networks with Bernoulli Approximate Variational Inference
        (Gal, Ghahramani, 2016), which also applies the dropout at prediction

    Arguments:
        num_classes: Number of classes O.
        in_channels: Channels of the image, 1 for grey and 3 for colour.
        width: Channels of the widest layers. 96 halves every layer.
        p: Probability of dropping an element of the output of a block.
        image_size: Height and width of the image in pixels; the companions depend on
            it.
        companions: Whether the network has companions. Without them it works with any
            likelihood of classes.
        activation: Makes the module after each convolution, e.g. `nn.Softplus`.

    Raises:
        ValueError: A width that is not a positive multiple of 6, or an image of less
            than 3x3 pixels.

    Example:
        >>> network = DSN(num_classes=10, width=12)
        >>> x = torch.zeros(2, 3, 32, 32)
        >>> network(x).shape, network.eval()(x).shape
        (torch.Size([2, 4, 10]), torch.Size([2, 10]))
    """

    def __init__(
        self,
        num_classes: int = 10,
        *,
        in_channels: int = 3,
        width: int = 192,
        p: float = 0.5,
        image_size: int = 32,
        companions: bool = True,
        activation: Callable[[], nn.Module] = nn.ReLU,
    ) -> None:
        super().__init__()
        check_sixths(width)
        if image_size < 3:
            raise ValueError(
                f"DSN needs images of at least 3x3 pixels, not {image_size}x{image_size}"
            )

        block1, block2, block3 = mlp_blocks(in_channels, width, num_classes, activation)
        block1 += _pooling(p)
        block2 += _pooling(p)

        # Companions are registered first: `priors.last_layer` takes the last layer as the one
        # that predicts.
        sides = (image_size, image_size // 2, image_size // 4) if companions else ()
        self.companions = nn.ModuleList()
        for side in sides:
            self.companions.append(nn.Linear(width * side * side, num_classes))

        self.convolutions = nn.ModuleList()
        self.perceptrons = nn.ModuleList()
        for convolution, *rest in (block1, block2, block3):
            self.convolutions.append(convolution)
            self.perceptrons.append(nn.Sequential(*rest))
        he_initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (N, C, H, W) to logits (N, O), with companions in training (N, 1 + 3, O)."""
        supervised = self.training and len(self.companions) > 0
        companion_logits = []

        for number, perceptron in enumerate(self.perceptrons):
            x = self.convolutions[number](x)

            if supervised:
                companion = self.companions[number]
                companion_logits.append(companion(x.flatten(1)))

            x = perceptron(x)

        logits = x.mean((-2, -1))  # (N, O)
        if not supervised:
            return logits

        return torch.stack([logits, *companion_logits], dim=1)


def _pooling(p: float) -> list[nn.Module]:
    return [nn.MaxPool2d(3, 2, ceil_mode=True), nn.Dropout(p)]
