"""Rules: how much each weight is needed, from its marginal mean and standard deviation; the least needed go first."""

from __future__ import annotations

import math

from torch import Tensor


def density_at_zero(mean: Tensor, std: Tensor) -> Tensor:
    r"""Weights whose posterior has the most mass at zero are needed least.

    .. math:: -\log N(0 \mid \mu, \sigma^2) = \frac{\mu^2}{2 \sigma^2} + \log \sigma + \tfrac12 \log 2 \pi

    References:
        Bayesian deep learning with 10 % of the weights (Romijnders, 2019), a talk

    Arguments:
        mean: Means of a site, (*shape).
        std: Standard deviations, (*shape).

    Example:
        >>> from torch import tensor
        >>> density_at_zero(tensor([0.0, 1.0]), tensor([1.0, 1.0]))
        tensor([0.9189, 1.4189])
    """
    std = std.clamp_min(1e-12)
    return 0.5 * (mean / std).square() + std.log() + 0.5 * math.log(2 * math.pi)


def signal_to_noise(mean: Tensor, std: Tensor) -> Tensor:
    r"""Weights whose mean is small beside their standard deviation are needed least.

    .. math:: |\mu| / \sigma

    References:
        Weight Uncertainty in Neural Networks (Blundell, Cornebise, Kavukcuoglu, Wierstra, 2015), section 5.1

    Arguments:
        mean: Means of a site, (*shape).
        std: Standard deviations, (*shape).

    Example:
        >>> from torch import tensor
        >>> signal_to_noise(tensor([-2.0, 1.0]), tensor([1.0, 2.0]))
        tensor([2.0000, 0.5000])
    """
    return mean.abs() / std.clamp_min(1e-12)


def log_alpha(mean: Tensor, std: Tensor) -> Tensor:
    r"""Weights of much multiplicative noise are needed least: dropped above 3 in the paper, below -3 here.

    .. math:: -\log \alpha = \log \frac{\mu^2}{\sigma^2}

    The order is that of `signal_to_noise`; the threshold is the paper's own.

    References:
        Variational Dropout Sparsifies Deep Neural Networks (Molchanov, Ashukha, Vetrov, 2017)

    Arguments:
        mean: Means of a site, (*shape).
        std: Standard deviations, (*shape).

    Example:
        >>> from torch import tensor
        >>> log_alpha(tensor([1.0]), tensor([1.0]))
        tensor([0.])
    """
    return 2 * (mean.abs().clamp_min(1e-12) / std.clamp_min(1e-12)).log()


def magnitude(mean: Tensor, std: Tensor) -> Tensor:
    r"""Weights of small mean are needed least, whatever their standard deviation.

    .. math:: |\mu|

    References:
        A Comprehensive guide to Bayesian Convolutional Neural Network with Variational Inference (Shridhar, Laumann,
        Liwicki, 2019), section 6, an L1 threshold

    Arguments:
        mean: Means of a site, (*shape).
        std: Standard deviations, (*shape).

    Example:
        >>> from torch import tensor
        >>> magnitude(tensor([-2.0, 1.0]), tensor([1.0, 2.0]))
        tensor([2., 1.])
    """
    return mean.abs()


def filter_norm(mean: Tensor, std: Tensor) -> Tensor:
    r"""Filters, or rows of a linear layer, whose means are small go whole.

    .. math:: \frac1I \sum_i |\mu_{oi}| \quad \text{for all weights of output } o

    References:
        Pruning Filters for Efficient ConvNets (Li, Kadav, Durdanovic, Samet, Graf, 2017)

    Arguments:
        mean: Means of a site, (O, *rest).
        std: Standard deviations, (O, *rest).

    Example:
        >>> from torch import tensor
        >>> filter_norm(tensor([[1.0, 3.0], [0.0, 1.0]]), tensor([[1.0, 1.0], [1.0, 1.0]]))
        tensor([[2.0000, 2.0000],
                [0.5000, 0.5000]])
    """
    return averaged(mean.abs(), dim=0)


def node_norm(mean: Tensor, std: Tensor) -> Tensor:
    r"""Input nodes whose outgoing means are small go with all their weights.

    .. math:: \frac1O \sum_o |\mu_{oi}| \quad \text{for all weights of input } i

    References:
        Tackling covariate shift with node-based Bayesian neural networks (Trinh, Heinonen, Acerbi, Kaski, 2022), for
        the nodes

    Arguments:
        mean: Means of a site, (O, I, *rest).
        std: Standard deviations, (O, I, *rest).

    Example:
        >>> from torch import tensor
        >>> node_norm(tensor([[1.0, 3.0], [0.0, 1.0]]), tensor([[1.0, 1.0], [1.0, 1.0]]))
        tensor([[0.5000, 2.0000],
                [0.5000, 2.0000]])
    """
    return averaged(mean.abs(), dim=1)


def averaged(values: Tensor, dim: int) -> Tensor:
    """Return averages over all dimensions but one, in the shape of the values."""
    others = [other for other in range(values.dim()) if other != dim]
    return (values.mean(others, keepdim=True) if others else values).expand_as(values)
