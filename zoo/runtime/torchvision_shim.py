"""Import torchvision, and what needs it, beside a torch that its compiled part does not fit."""

import importlib
import sys
from functools import cache
from types import ModuleType

import torch
from torch.library import Library

SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


def load_torchvision() -> ModuleType:
    """Import torchvision, also where its compiled operators are missing.

    The wheels of the package index are built against CUDA torch. Beside a CPU torch the
    compiled part does not load and `import torchvision` raises `operator
    torchvision::nms does not exist`. Only then the missing schemas are defined and the
    import is tried again: data sets, transforms and models work, `torchvision.ops.nms`
    itself stays without an implementation.

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
        if "torchvision::" not in str(error) or "does not exist" not in str(error):
            raise
    _forget_half_imported("torchvision")
    _define_missing_schemas()
    return importlib.import_module("torchvision")


def load_torchmetrics() -> ModuleType:
    """Import torchmetrics, which imports torchvision and fails with it.

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
    """Remove what a failed import of the package left in `sys.modules`."""
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        del sys.modules[name]


@cache  # the cache keeps the library, and with it the schemas, alive
def _define_missing_schemas() -> Library:
    """Define those schemas that no compiled torchvision has brought."""
    library = Library("torchvision", "DEF")
    for name, schema in SCHEMAS.items():
        if not hasattr(torch.ops.torchvision, name):
            library.define(schema)
    return library
