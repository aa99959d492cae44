"""Imports of torchvision and torchmetrics that work with any build of torch."""

from __future__ import annotations

import importlib
import sys
from functools import cache
from types import ModuleType

import torch
from torch.library import Library

_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


def load_torchvision() -> ModuleType:
    """Import torchvision, even if its compiled operators are missing.

    The wheels of the package index are built against CUDA torch. With a CPU torch their
    compiled operators do not load, and `import torchvision` raises `operator
    torchvision::nms does not exist`. In this case the missing schemas are defined and
    the import is repeated: data sets, transforms and models work, and
    `torchvision.ops.nms` has no implementation.

    References:
        torchvision's documentation (PyTorch contributors, 2016-2026), docs.pytorch.org/vision

    Raises:
        ImportError: torchvision is not installed. Any other failure of its import also
            passes through unchanged.

    Example:
        >>> from zoo.runtime.torchvision_shim import load_torchvision
        >>> load_torchvision().transforms.Resize(4).__class__.__name__
        'Resize'
    """
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        message = str(error)
        is_missing = "torchvision::" in message and "does not exist" in message
        if not is_missing:
            raise

    _forget_half_imported("torchvision")
    _define_missing_schemas()

    return importlib.import_module("torchvision")


def load_torchmetrics() -> ModuleType:
    """Import torchmetrics, which imports torchvision itself and fails if that import fails.

    Call it inside the function that needs the metric: the import takes seconds.

    References:
        TorchMetrics: Measuring Reproducibility in PyTorch (Detlefsen et al., 2022), JOSS 7(70)

    Raises:
        ImportError: torchmetrics or torchvision is not installed.

    Example:
        >>> from zoo.runtime.torchvision_shim import load_torchmetrics
        >>> load_torchmetrics().__name__
        'torchmetrics'
    """
    if "torchmetrics" not in sys.modules:
        load_torchvision()
        _forget_half_imported("torchmetrics")

    return importlib.import_module("torchmetrics")


def _forget_half_imported(package: str) -> None:
    """Remove the modules of a package from `sys.modules` after a failed import."""
    for name in list(sys.modules):
        if name.partition(".")[0] == package:
            del sys.modules[name]


@cache  # the cache keeps the library, and with it the schemas, alive
def _define_missing_schemas() -> Library:
    """Define the schemas of torchvision's operators that are not defined yet."""
    library = Library("torchvision", "DEF")
    for name, schema in _SCHEMAS.items():
        if not hasattr(torch.ops.torchvision, name):
            library.define(schema)

    return library
