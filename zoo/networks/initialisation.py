"""How the weights of deep networks begin: so that what goes through many layers keeps its size."""

from torch import nn


def he(network: nn.Module) -> None:
    r"""Draw the weights of a network's convolutions for rectifiers after them, and begin their biases at zero.

    .. math:: w \sim N(0, 2 / \text{fan-in})

    Drawn as PyTorch does, outputs shrink with every layer: those of nine convolutions
    are all but the same for every image, and a prior pulls the weights to zero before
    the data can be heard.

    References:
        Delving Deep into Rectifiers: Surpassing Human-Level Performance on ImageNet Classification (He, Zhang, Ren,
        Sun, 2015)

    Arguments:
        network: The network, whose weights are written.

    Example:
        >>> network = nn.Sequential(nn.Conv2d(3, 64, 3))
        >>> he(network)
        >>> network[0].bias.abs().max()
        tensor(0., grad_fn=<MaxBackward1>)
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
