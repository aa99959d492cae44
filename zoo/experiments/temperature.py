"""Temperature scaling of a trained network, fitted and tested on halves of the test images."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo import metrics

_BATCH_SIZE = 250


def evaluate_logits(network: nn.Module, x: Tensor, device: torch.device) -> Tensor:
    """Return the logits of a network, (N, O).

    Arguments:
        network: The network, which is moved to the device.
        x: Images (N, C, H, W).
        device: Where to compute.
    """
    network = network.to(device).eval()

    logits = []
    with torch.no_grad():
        for batch in x.split(_BATCH_SIZE):
            batch = batch.to(device)
            logits.append(network(batch))

    return torch.cat(logits)


def scale_halves(logits: Tensor, y: Tensor) -> Tensor:
    """Divide each half of the logits by the temperature that fits the other half best.

    Arguments:
        logits: Logits (N, O). A half is every second row.
        y: Class indices (N,).
    """
    scaled = logits.clone()

    for half in (0, 1):
        other = 1 - half
        temperature = metrics.temperature_scaling(logits[other::2], y[other::2])
        scaled[half::2] /= temperature

    return scaled
