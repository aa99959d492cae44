"""Rules: the importance of each weight, from its marginal mean and standard deviation.

`prune` drops the weights of the lowest importance first.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor

Rule = Callable[[Tensor, Tensor], Tensor]

_SMALLEST = 1e-12  # smaller means and standard deviations count as this


def density_at_zero(mean: Tensor, std: Tensor) -> Tensor:
    r"""Give low importance to weights whose posterior has a high density at zero.

    .. math:: -\log N(0 \mid \mu, \sigma^2) =
        \frac{\mu^2}{2 \sigma^2} + \log \sigma + \tfrac12 \log 2 \pi

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
    std = std.clamp_min(_SMALLEST)
    standardised = mean / std

    constant = 0.5 * math.log(2 * math.pi)
    return 0.5 * standardised.square() + std.log() + constant


def signal_to_noise(mean: Tensor, std: Tensor) -> Tensor:
    r"""Give low importance to weights whose mean is small relative to their standard deviation.

    .. math:: |\mu| / \sigma

    References:
        Weight Uncertainty in Neural Networks (Blundell, Cornebise, Kavukcuoglu, Wierstra,
        2015), section 5.1

    Arguments:
        mean: Means of a site, (*shape).
        std: Standard deviations, (*shape).

    Example:
        >>> from torch import tensor
        >>> signal_to_noise(tensor([-2.0, 1.0]), tensor([1.0, 2.0]))
        tensor([2.0000, 0.5000])
    """
    return mean.abs() / std.clamp_min(_SMALLEST)


def log_alpha(mean: Tensor, std: Tensor) -> Tensor:
    r"""Give low importance to weights of much multiplicative noise.

    .. math:: -\log \alpha = \log \frac{\mu^2}{\sigma^2}

    The order is that of `signal_to_noise`. The paper drops weights whose log alpha is
    above 3; that is a threshold of -3 here.

    References:
        Variational Dropout Sparsifies Deep Neural Networks (Molchanov, Ashukha, Vetrov,
        2017)

    Arguments:
        mean: Means of a site, (*shape).
        std: Standard deviations, (*shape).

    Example:
        >>> from torch import tensor
        >>> log_alpha(tensor([1.0]), tensor([1.0]))
        tensor([0.])
    """
    size = mean.abs().clamp_min(_SMALLEST)
    ratio = size / std.clamp_min(_SMALLEST)
    return 2 * ratio.log()


def magnitude(mean: Tensor, std: Tensor) -> Tensor:
    r"""Give low importance to weights of small mean, for any standard deviation.

    .. math:: |\mu|

    References:
        A Comprehensive guide to Bayesian Convolutional Neural Network with Variational
        Inference (Shridhar, Laumann, Liwicki, 2019), section 6, an L1 threshold

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
    r"""Give low importance to filters, or rows of a linear layer, whose means are small.

    All weights of a filter have the same importance, so a filter is dropped whole.

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
    return _average_of_others(mean.abs(), dim=0)


def node_norm(mean: Tensor, std: Tensor) -> Tensor:
    r"""Give low importance to input nodes whose outgoing means are small.

    All weights of an input have the same importance, so an input is dropped whole.

    .. math:: \frac1O \sum_o |\mu_{oi}| \quad \text{for all weights of input } i

    References:
        Tackling covariate shift with node-based Bayesian neural networks (Trinh, Heinonen,
        Acerbi, Kaski, 2022), for the nodes

    Arguments:
        mean: Means of a site, (O, I, *rest).
        std: Standard deviations, (O, I, *rest).

    Example:
        >>> from torch import tensor
        >>> node_norm(tensor([[1.0, 3.0], [0.0, 1.0]]), tensor([[1.0, 1.0], [1.0, 1.0]]))
        tensor([[0.5000, 2.0000],
                [0.5000, 2.0000]])
    """
    return _average_of_others(mean.abs(), dim=1)


def _average_of_others(values: Tensor, dim: int) -> Tensor:
    """Average over all dimensions but one; the result has the shape of the values."""
    others = [other for other in range(values.dim()) if other != dim]
    if not others:
        return values

    average = values.mean(others, keepdim=True)
    return average.expand_as(values)
