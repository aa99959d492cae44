"""Filter response normalisation: no batch in it, so that each image has a likelihood of its own."""

import torch
from torch import Tensor, nn


class FilterResponseNorm(nn.Module):
    r"""Filter response normalisation with a thresholded linear unit, the place of batch normalisation and rectifier.

    .. math:: y = \max\Big( \gamma \frac{x}{\sqrt{\overline{x^2} + \epsilon}} + \beta, \; \tau \Big)

    The mean of squares is over the pixels of one channel of one image: nothing depends
    on the rest of the batch, as a likelihood of independent images requires.

    References:
        Filter Response Normalization Layer: Eliminating Batch Dependence in the Training of Deep Neural Networks
        (Singh, Krishnan, 2020)
        What Are Bayesian Neural Network Posteriors Really Like? (Izmailov, Vikram, Hoffman, Wilson, 2021), appendix B

    Arguments:
        channels: Number of channels C.
        threshold: Whether tau is there; without it the layer is linear, and an
            activation of one's own follows.
        eps: Added to the mean of squares.

    Example:
        >>> FilterResponseNorm(4)(torch.randn(2, 4, 8, 8)).shape
        torch.Size([2, 4, 8, 8])
    """

    def __init__(
        self, channels: int, threshold: bool = True, eps: float = 1e-6
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.threshold = nn.Parameter(torch.zeros(channels)) if threshold else None
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, ...) to the same shape."""
        places = tuple(range(2, x.dim()))
        shape = (-1, *(1 for _ in places))
        y = x * (x.square().mean(places, keepdim=True) + self.eps).rsqrt()
        y = y * self.weight.reshape(shape) + self.bias.reshape(shape)
        return (
            y
            if self.threshold is None
            else torch.maximum(y, self.threshold.reshape(shape))
        )

    def extra_repr(self) -> str:
        """Say how many channels there are."""
        return f"{len(self.weight)}, threshold={self.threshold is not None}"
