"""Images are stored channels last where a network accepts them and torch computes them right."""

import pytest
import torch
from torch import nn

from zoo.runtime.memory_format import takes_channels_last


@pytest.mark.parametrize(
    ("layer", "takes"),
    [
        (nn.Conv2d(4, 8, 3, stride=2), True),
        (nn.Conv2d(4, 8, 1), True),
        (nn.Conv2d(8, 8, 1, stride=2), True),
        (nn.Conv2d(4, 8, 1, stride=2), False),  # its gradient damages memory
    ],
)
def test_a_strided_convolution_of_few_pixels_does_not_take_them(layer, takes):
    network = nn.Sequential(layer, nn.Flatten())
    x = torch.randn(2, layer.in_channels, 8, 8)
    assert takes_channels_last(network, network, x) == takes
