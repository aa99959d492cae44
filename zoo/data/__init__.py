"""Data that a model is fitted to: their forms, their batches, their checks."""

from zoo.data.checks import Batch, checked, on_device, pair
from zoo.data.forms import Data, DatasetParts, batches, full
from zoo.data.minibatches import Batches

__all__ = [
    "Batch",
    "Batches",
    "Data",
    "DatasetParts",
    "batches",
    "checked",
    "full",
    "on_device",
    "pair",
]
