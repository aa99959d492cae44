"""He's initialisation of the weights of deep networks."""

from torch import nn


def he_initialise(network: nn.Module) -> None:
    r"""Draw the weights of a network's convolutions for rectifiers after them.

    .. math:: w \sim N(0, 2 / \text{fan-in})

    Biases of convolutions become zero.

    With PyTorch's default the outputs shrink with every layer. After nine convolutions
    they are almost the same for every image, and then the prior pulls the weights to
    zero before the data have an effect.

    References:
        Delving Deep into Rectifiers: Surpassing Human-Level Performance on ImageNet
        Classification (He, Zhang, Ren, Sun, 2015)

    Arguments:
        network: The network; its weights are overwritten.

    Example:
        >>> network = nn.Sequential(nn.Conv2d(3, 64, 3))
        >>> he_initialise(network)
        >>> network[0].bias.abs().max()
        tensor(0., grad_fn=<MaxBackward1>)
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
