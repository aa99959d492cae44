"""Compiled programs that the next process runs without torch's compiler.

Importing the compiler and asking it for a program that is in its folder takes three
seconds. Loading the program itself takes a hundredth of a second.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import sysconfig
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule

from zoo.runtime.files.atomic import write_text
from zoo.tracing.compiling.bare import BareProgram, counting_writes
from zoo.tracing.compiling.compiler_cache import VARIABLE, cache_folder
from zoo.tracing.compiling.likeness import Likeness
from zoo.tracing.compiling.settings import settings_for
from zoo.tracing.graphs.graph import Function
from zoo.tracing.graphs.repetition import Repetition

_FORMAT = 3  # to be raised when equal graphs become other programs
_ENTRY = "inductor_entry_cpp"  # the only function of a library that the compiler makes
_POINTER = "_TORCHINDUCTOR_PYOBJECT_TENSOR_DATA_PTR"  # what such a library asks for
_NO_CACHES = "TORCHINDUCTOR_FORCE_DISABLE_CACHES"
# what the compiler's function around the library calls; any other one is not kept
_CALLS = {
    "isinstance",
    "torch",
    "Tensor",
    "tensor",
    "_C",
    "_aoti",
    "unsafe_alloc_void_ptrs_from_tensors",
    "clear",
    "alloc_tensors_by_stealing_from_void_ptrs",
}


def place_of(
    module: GraphModule, inputs: Sequence[Tensor], repetition: Repetition
) -> Path:
    """Return the file that says where the program of a graph is.

    Its name is a hash of all that the program depends on.

    Arguments:
        module: The graph of a step.
        inputs: All of its inputs, of all steps, on a CPU.
        repetition: How the step is repeated.
    """
    kinds = repetition.split([Likeness.of(tensor) for tensor in inputs])
    of_any_length = []  # a loop takes any number of steps
    for like in kinds.given:
        of_any_length.append(like._replace(shape=like.shape[1:], num_stored=0))
    likenesses = kinds._replace(given=tuple(of_any_length))

    settings = settings_for(module, as_one_program=True)
    sharing = _sharing(inputs)
    about_graph = [module.code, settings, likenesses, sharing, repetition]
    parts = [*about_graph, *_circumstances()]
    text = " ".join(map(str, parts))
    name = hashlib.sha256(text.encode()).hexdigest()

    return cache_folder() / "zoo" / f"{name}.json"


def keep(place: Path, bare: BareProgram | None) -> None:
    """Write where a program is, or that it needs torch's compiler in every process.

    Arguments:
        place: The file, from `place_of`.
        bare: The program; None if it has layers around it.
    """
    library = None if bare is None else _library(bare)
    entry: dict[str, Any] = {"library": None}
    with contextlib.suppress(OSError, ValueError):  # the program runs without it
        if bare is not None and library is not None:
            entry = {
                "library": str(library.relative_to(cache_folder())),
                "sha256": _sha256(library),
                "written": bare.written,
            }
        place.parent.mkdir(exist_ok=True)
        write_text(place, json.dumps(entry))


def load(place: Path) -> Function | None:
    """Return a program that was kept, None if there is none or its files are damaged.

    Arguments:
        place: The file, from `place_of`.
    """
    if os.environ.get(_NO_CACHES) == "1":
        return None

    try:
        entry = json.loads(place.read_text())
        if entry["library"] is None:
            return None

        library = cache_folder() / entry["library"]
        if _sha256(library) != entry["sha256"]:
            return None

        run = _function(_loaded(library))

        return counting_writes(run, entry["written"])
    except (OSError, ValueError, KeyError, TypeError, ImportError, AttributeError):
        return None


def _sharing(inputs: Sequence[Tensor]) -> list[int]:
    """Return, for each input, the number of the first one in the same memory."""
    first: dict[int, int] = {}
    found = []
    for number, tensor in enumerate(inputs):
        memory = tensor.untyped_storage().data_ptr()
        if memory == 0:  # no element
            found.append(number)
        else:
            found.append(first.setdefault(memory, number))

    return found


def _circumstances() -> list[Any]:
    """Return what a program depends on besides its graph."""
    settings = []
    for name, value in sorted(os.environ.items()):
        if name.startswith("TORCHINDUCTOR_") and name != VARIABLE:
            settings.append((name, value))

    processor = {}  # of which machines that share a folder may have several
    if hasattr(torch.cpu, "get_capabilities"):  # an older version lacks it
        processor = torch.cpu.get_capabilities()

    return [
        _FORMAT,
        torch.__version__,
        sysconfig.get_config_var("SOABI"),
        torch.backends.cpu.get_cpu_capability(),
        sorted(processor.items()),
        torch.get_num_threads(),
        torch.get_float32_matmul_precision(),
        torch.are_deterministic_algorithms_enabled(),
        settings,
    ]


def _library(bare: BareProgram) -> Path | None:
    """Return the library of a program that is nothing but a call of its library."""
    code = getattr(bare.program, "__code__", None)
    if code is None or bare.constants or not set(code.co_names) <= _CALLS:
        return None

    entry = bare.program.__globals__.get("inductor_entry")
    file = getattr(getattr(entry, "__self__", None), "__file__", None)

    return None if file is None else Path(file)


def _loaded(library: Path) -> Callable[[Any], Any]:
    """Load a library and return its function."""
    guards = torch._C._dynamo.guards
    os.environ[_POINTER] = str(guards._torchinductor_pyobject_tensor_data_ptr)

    spec = importlib.util.spec_from_file_location(f"{library.stem}.{_ENTRY}", library)
    if spec is None or spec.loader is None:
        raise ImportError(f"{library} is not a library")

    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    return getattr(module, _ENTRY)


def _function(entry: Callable[[Any], Any]) -> Function:
    """Return the function of a library as a function of tensors."""
    handles_of = torch._C._aoti.unsafe_alloc_void_ptrs_from_tensors
    tensors_of = torch._C._aoti.alloc_tensors_by_stealing_from_void_ptrs

    def call(*inputs: Tensor) -> tuple[Tensor, ...]:
        return tensors_of(entry(handles_of([*inputs])))

    return call


def _sha256(file: Path) -> str:
    """Return the hash of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()
