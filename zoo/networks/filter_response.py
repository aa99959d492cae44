"""Filter response normalisation: it does not mix the images of a batch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo.runtime.recorded import Recorded


class FilterResponseNorm(nn.Module, Recorded):
    r"""Normalisation layer without batch statistics, followed by a thresholded linear unit.

    .. math::
        y = \max\Big( \gamma \frac{x}{\sqrt{\overline{x^2} + \epsilon}} + \beta, \; \tau \Big)

    It replaces batch normalisation and the rectifier after it. The mean of squares is over
    the pixels of one channel of one image. The output of an image does not depend on the
    rest of the batch, which a likelihood of independent images requires.

    References:
        Filter Response Normalization Layer: Eliminating Batch Dependence in the Training of Deep
        Neural Networks (Singh, Krishnan, 2020)
        What Are Bayesian Neural Network Posteriors Really Like? (Izmailov, Vikram, Hoffman,
        Wilson, 2021), appendix B

    Arguments:
        channels: Number of channels C.
        threshold: Whether the layer has the threshold tau. Without it the layer has no
            maximum, and needs an activation after it.
        eps: Added to the mean of squares.

    Example:
        >>> FilterResponseNorm(4)(torch.randn(2, 4, 8, 8)).shape
        torch.Size([2, 4, 8, 8])
    """

    def __init__(
        self, channels: int, *, threshold: bool = True, eps: float = 1e-6
    ) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

        self.threshold: nn.Parameter | None = None
        if threshold:
            self.threshold = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, ...) to the same shape."""
        pixels = tuple(range(2, x.dim()))
        shape = (-1, *[1] * len(pixels))  # of one value for each channel

        mean_square = x.square().mean(pixels, keepdim=True)
        y = x * (mean_square + self.eps).rsqrt()

        weight = self.weight.reshape(shape)
        bias = self.bias.reshape(shape)
        y = y * weight + bias
        if self.threshold is None:
            return y

        threshold = self.threshold.reshape(shape)

        return torch.maximum(y, threshold)

    def extra_repr(self) -> str:
        """Return the number of channels and whether there is a threshold."""
        has_threshold = self.threshold is not None
        return f"{len(self.weight)}, threshold={has_threshold}"
