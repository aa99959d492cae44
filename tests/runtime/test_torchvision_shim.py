"""torchvision and torchmetrics are imported with any build of torch."""

import importlib.util
import subprocess
import sys

import pytest
import torch

from zoo.runtime import torchvision_shim as vision

FRESH_PROCESS = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("vision", sys.argv[1])
vision = importlib.util.module_from_spec(spec)
spec.loader.exec_module(vision)
assert not any(name.partition(".")[0] == "torchvision" for name in sys.modules)
try:
    import torchmetrics  # leaves half-imported modules behind where the operators are missing
except RuntimeError:
    pass
torchmetrics = vision.load_torchmetrics()
import torch, torchvision
from torchmetrics.functional.classification import binary_auroc
assert binary_auroc(torch.tensor([0.1, 0.9]), torch.tensor([0, 1])) == 1.0
assert torchvision.models.resnet18(num_classes=3).eval()(torch.zeros(1, 3, 32, 32)).shape == (1, 3)
assert torchvision.transforms.Resize(4)(torch.zeros(1, 8, 8)).shape == (1, 4, 4)
assert vision.load_torchvision() is torchvision and vision.load_torchmetrics() is torchmetrics
print("ok")
"""


def test_a_fresh_process_loads_both_after_a_failed_import():
    path = importlib.util.find_spec("zoo.runtime.torchvision_shim").origin
    command = [sys.executable, "-W", "error", "-c", FRESH_PROCESS, path]
    result = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False
    )
    assert result.stdout == "ok\n", result.stderr


def test_present_operators_are_not_defined_again():
    vision.load_torchvision()
    assert hasattr(torch.ops.torchvision, "nms")
    library = vision._define_missing_schemas.__wrapped__
    seen = []

    class Recorder:
        def __init__(self, *arguments):
            pass

        def define(self, schema):
            seen.append(schema)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vision, "Library", Recorder)
        library()
    assert seen == []


def test_an_import_that_works_defines_nothing(monkeypatch):
    monkeypatch.setattr(vision.importlib, "import_module", lambda name: sys)
    monkeypatch.setattr(
        vision, "_define_missing_schemas", lambda: pytest.fail("defined")
    )
    assert vision.load_torchvision() is sys


@pytest.mark.parametrize(
    "error", [ImportError("no torchvision"), RuntimeError("other trouble")]
)
def test_other_errors_pass_through(monkeypatch, error):
    def fail(name):
        raise error

    monkeypatch.setattr(vision.importlib, "import_module", fail)
    monkeypatch.setattr(
        vision, "_define_missing_schemas", lambda: pytest.fail("defined")
    )
    with pytest.raises(type(error), match=str(error)):
        vision.load_torchvision()
