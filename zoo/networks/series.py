"""A convolutional network for series, such as heart beats."""

from __future__ import annotations

from torch import Tensor, nn

from zoo.networks.widths import check_channels
from zoo.runtime.recorded import Recorded

# Size of each kernel, and its channels in units of the width.
_CONVOLUTIONS = ((7, 1), (5, 2), (3, 1))


class ConvNet1d(nn.Module, Recorded):
    r"""Network for time series: three convolutions, normalised and pooled, then a mean over time.

    References:
        Time Series Classification from Scratch with Deep Neural Networks: A Strong Baseline
        (Wang, Yan, Oates, 2017)

    Arguments:
        num_classes: Number of classes O.
        in_channels: Channels of the series, 1 for one lead.
        width: Channels of the first and the last convolution; the middle one has twice
            as many.

    Raises:
        ValueError: A width that is not positive.

    Example:
        >>> ConvNet1d(num_classes=5)(torch.zeros(2, 1, 140)).shape
        torch.Size([2, 5])
    """

    def __init__(
        self, num_classes: int = 5, *, in_channels: int = 1, width: int = 32
    ) -> None:
        super().__init__()
        check_channels(width)

        layers: list[nn.Module] = []
        channels_in = in_channels
        for size, multiple in _CONVOLUTIONS:
            channels = multiple * width
            padding = size // 2
            layers += [
                nn.Conv1d(channels_in, channels, size, padding=padding, bias=False),
                nn.BatchNorm1d(channels),
                nn.ReLU(),
                nn.MaxPool1d(2),
            ]
            channels_in = channels

        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(channels_in, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map series (N, C, T) to logits (N, O)."""
        features = self.features(x)  # (N, width, T / 8)
        return self.classifier(features.mean(-1))
