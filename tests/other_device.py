"""A second device on any machine: its tensors have shapes and a device, and no values.

An operation of tensors on two devices raises, as it does on a GPU. What reads values cannot
be rehearsed further: a condition counts as true, a number as one, and the place is noted.
"""

from __future__ import annotations

import sys
from collections import Counter
from types import FrameType, ModuleType

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.overrides import TorchFunctionMode

NAME = "rehearsal"
DEVICE = torch.device("privateuseone", 0)
_MAKERS = ("tensor", "as_tensor", "new_tensor", "asarray")
_NO_STATE = torch.zeros(1, dtype=torch.uint8)
_in_use: list[OtherDevice] = []  # other tests of the process must not find the device


def register() -> None:
    """Make the device known to torch.

    Raises:
        ImportError: This torch has no devices that are written in Python.
    """
    from torch.utils import backend_registration

    if hasattr(torch, NAME):
        return

    try:
        setup = backend_registration._setup_privateuseone_for_python_backend
    except AttributeError as error:
        raise ImportError(str(error)) from error

    backend = ModuleType(NAME)
    backend.is_available = lambda: bool(_in_use)
    backend.is_initialized = lambda: True
    backend.device_count = lambda: len(_in_use)
    backend.current_device = lambda: 0
    backend.get_rng_state = lambda *_: _NO_STATE
    backend.set_rng_state = lambda *_: None
    backend.manual_seed_all = lambda *_: None
    backend._is_in_bad_fork = lambda: False
    setup(NAME, backend_module=backend)


class OtherDevice(TorchFunctionMode):
    """Runs code with tensors on the second device, and notes where it reads their values."""

    def __init__(self) -> None:
        super().__init__()
        self.fake = FakeTensorMode(allow_non_fake_inputs=True)
        self.reads: Counter[str] = Counter()

    def __enter__(self) -> OtherDevice:
        _in_use[:] = [self]
        self.fake.__enter__()
        return super().__enter__()

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self.fake.__exit__(*error)
        _in_use.clear()

    def moved(self, tensor: Tensor) -> Tensor:
        """Return a tensor like another one, on the device."""
        like = self.fake.from_tensor(tensor.detach())
        return without_value(like).to(DEVICE)

    def move(self, module: nn.Module) -> None:
        """Move a module to the device."""
        known: dict[int, Tensor] = {}
        for part in module.modules():
            for name, value in part._parameters.items():
                if value is not None:
                    if id(value) not in known:
                        moved = self.moved(value)
                        known[id(value)] = nn.Parameter(moved, value.requires_grad)
                    part._parameters[name] = known[id(value)]
            for name, value in part._buffers.items():
                if value is not None:
                    part._buffers[name] = self.moved(value)

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        name = getattr(function, "__name__", "")
        if name in ("__bool__", "item", "tolist") and is_there(args[0]):
            return self._read(name, args[0], _package(sys._getframe(1)))

        if name in _MAKERS:
            return self._made(function, name, args, kwargs)

        if name == "to" and isinstance(args[0], Tensor):
            tensor = args[0]
            if not isinstance(tensor, FakeTensor):
                tensor = self.fake.from_tensor(tensor.detach())

            args = (without_value(tensor), *args[1:])

        return function(*args, **kwargs)

    def _read(self, name: str, tensor: Tensor, place: str) -> bool | float:
        """Note who reads a value; checks of other libraries find nothing wrong."""
        if place:
            self.reads[place] += 1

        if name == "__bool__":
            return bool(place)

        return 1.0 if tensor.is_floating_point() else 1

    def _made(self, function, name, args, kwargs):
        """Make a tensor on the CPU, and move it: torch cannot make it elsewhere."""
        device = kwargs.pop("device", None)
        if name == "new_tensor":
            device = device or args[0].device
            kwargs.setdefault("dtype", args[0].dtype)
            function, args = torch.tensor, args[1:]

        made = without_value(function(*args, **kwargs))
        wanted = torch.device(device) if device is not None else made.device

        return made if made.device == wanted else made.to(wanted)


def without_value(tensor: Tensor) -> Tensor:
    """Return the tensor without a value that is known, which torch would compute with."""
    if isinstance(tensor, FakeTensor) and tensor.constant is not None:
        tensor = tensor.detach()
        tensor.constant = None

    return tensor


def is_there(tensor: Tensor) -> bool:
    """Return whether a tensor is on the device."""
    return tensor.device.type == DEVICE.type


def _package(frame: FrameType) -> str:
    """Return the file of the package in which a frame is, "" if it is elsewhere."""
    path = frame.f_code.co_filename
    for package in ("/zoo/", "/guides/"):
        if package in path and "site-packages" not in path:
            return package[1:] + path.rpartition(package)[2]

    return ""
