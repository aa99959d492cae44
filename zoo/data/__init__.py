"""Data that a model is fitted to: their forms, their batches, their checks."""

from zoo.data.batch_form import BatchForm
from zoo.data.checks import Batch, checked, on_device, pair
from zoo.data.class_balance import balanced_loader, balanced_sampler, class_weights
from zoo.data.columns import Columns
from zoo.data.forms import Data, DatasetParts, batches, check_all_data, full
from zoo.data.minibatches import Batches

__all__ = [
    "Batch",
    "BatchForm",
    "Batches",
    "Columns",
    "Data",
    "DatasetParts",
    "balanced_loader",
    "balanced_sampler",
    "batches",
    "check_all_data",
    "checked",
    "class_weights",
    "full",
    "on_device",
    "pair",
]
