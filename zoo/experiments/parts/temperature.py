"""Predictions of a trained network alone, and with a temperature."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from zoo import likelihoods, metrics
from zoo.predictive.prediction import Prediction

_BATCH_SIZE = 250


@dataclass
class TrainedPredictions:
    """Predictions of a trained network for test images, made when they are asked for.

    Arguments:
        network: The network, in evaluation mode.
        x: Images (N, C, H, W).
        y: Class indices (N,).
        device: The device of the network.
    """

    network: nn.Module
    x: Tensor
    y: Tensor
    device: torch.device

    def alone(self) -> Prediction:
        """Return the prediction of the network."""
        return prediction_of(self._logits)

    def with_temperature(self) -> Prediction:
        """Return the prediction with a temperature.

        Each half of the images has the temperature that fits the other half best.
        """
        return prediction_of(scaled_by_halves(self._logits, self.y.to(self.device)))

    @cached_property
    def _logits(self) -> Tensor:
        """The logits of the network, (N, O)."""
        return logits_of(self.network, self.x, self.device)


@torch.no_grad()
def logits_of(network: nn.Module, x: Tensor, device: torch.device) -> Tensor:
    """Return the logits of a network, (N, O).

    Arguments:
        network: The network, in evaluation mode.
        x: Images (N, C, H, W).
        device: The device of the network.
    """
    return torch.cat([network(batch.to(device)) for batch in x.split(_BATCH_SIZE)])


def scaled_by_halves(logits: Tensor, y: Tensor) -> Tensor:
    """Return logits that are divided by a temperature, (N, O).

    A half of the images is every second one. The logits of each half are divided by the
    temperature that fits the other half best.

    Arguments:
        logits: Logits (N, O).
        y: Class indices (N,).
    """
    scaled = logits.clone()
    for half in (0, 1):
        other = 1 - half
        temperature = metrics.temperature_scaling(logits[other::2], y[other::2])
        scaled[half::2] /= temperature

    return scaled


def prediction_of(logits: Tensor) -> Prediction:
    """Return the prediction of one draw, given its logits (N, O)."""
    return Prediction(likelihoods.Categorical(), logits.unsqueeze(0))
