"""A convolutional network for series: heart beats in the place of images."""

from torch import Tensor, nn


class ConvNet1d(nn.Module):
    r"""Three convolutions along time, each with batch normalisation and pooling, and an average over time.

    References:
        Time Series Classification from Scratch with Deep Neural Networks: A Strong Baseline (Wang, Yan, Oates, 2017)

    Arguments:
        num_classes: Number of classes O.
        in_channels: Channels of the series, 1 for one lead.
        width: Channels of the first and the last convolution; the middle has twice as
            many.

    Raises:
        ValueError: A width that is not positive.

    Example:
        >>> ConvNet1d(num_classes=5)(torch.zeros(2, 1, 140)).shape
        torch.Size([2, 5])
    """

    def __init__(
        self, num_classes: int = 5, in_channels: int = 1, width: int = 32
    ) -> None:
        super().__init__()
        if width < 1:
            raise ValueError(f"width is a number of channels, at least 1, not {width}")
        layers: list[nn.Module] = []
        for size, channels in ((7, width), (5, 2 * width), (3, width)):
            layers.append(
                nn.Conv1d(in_channels, channels, size, padding=size // 2, bias=False)
            )
            layers += [nn.BatchNorm1d(channels), nn.ReLU(), nn.MaxPool1d(2)]
            in_channels = channels
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map series (N, C, T) to logits (N, O)."""
        return self.classifier(self.features(x).mean(-1))
