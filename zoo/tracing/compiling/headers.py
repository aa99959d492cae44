"""The headers of compiled programs, which are compiled once, beside other work.

Every program includes the same headers of torch's. The C++ compiler takes four seconds to read
them, and half a second if it has compiled them before. To compile them takes nine seconds and
a file of 180 MB. Another process does it while torch's compiler writes a first program.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch

from zoo.tracing.compiling.replaced import replaced

_WRAPPER = "torch/csrc/inductor/cpp_wrapper/cpu.h"
_INCLUDED = (_WRAPPER, "torch/csrc/inductor/cpp_prefix.h")  # by a program
_ABANDONED = 600  # seconds after which nobody compiles them any more
_processes: list[subprocess.Popen[bytes]] = []  # which Python asks after when it ends


class _Headers(NamedTuple):
    """The headers for one choice of the C++ compiler's options.

    Arguments:
        source: A file that includes them.
        compiled: They, compiled; not there until this is done.
        command: What compiles them.
        made: The file that the command writes.
    """

    source: Path
    compiled: Path
    command: str
    made: Path


@contextmanager
def headers_compiled_once() -> Iterator[None]:
    """Begin to compile the headers, and use them for a program if they are there by then.

    `TORCHINDUCTOR_CPP_CACHE_PRECOMPILE_HEADERS=0` says that they are not to be compiled.
    The folder is torch's for such files, `precompiled_headers` in that of temporary files.
    """
    from torch._inductor import codecache, config

    headers = _headers_of_programs() if config.cpp_cache_precompile_headers else None
    if headers is None:
        with config.patch(cpp_cache_precompile_headers=False):
            yield
        return

    with contextlib.suppress(OSError):  # a folder that cannot be written to
        _begin(headers)

    with replaced(codecache, "_precompile_header", _if_compiled):
        yield


def _headers_of_programs() -> _Headers | None:
    """Return the headers with torch's options for a CPU; None where they are not compiled.

    A damaged file of gcc's is not used. It would stop other compilers.
    """
    try:
        from torch._inductor.cpp_builder import is_gcc

        on_linux = hasattr(os, "sched_getaffinity")
        return _headers(**_options()) if on_linux and is_gcc() else None
    except (AttributeError, ImportError, TypeError):  # another version of torch
        return None


def _options() -> dict[str, Any]:
    """Return torch's options for a program for a CPU."""
    from torch._inductor.codecache import CppWrapperCodeCache
    from torch._inductor.cpu_vec_isa import pick_vec_isa

    flags = CppWrapperCodeCache.cpp_compile_command_flags

    return {**flags, "device_type": "cpu", "vec_isa": pick_vec_isa()}


def _headers(**options: Any) -> _Headers:
    """Return where the headers are for the options of a program."""
    from torch._inductor import codecache
    from torch._inductor.cpp_builder import (
        CppBuilder,
        CppTorchDeviceOptions,
        get_compiler_version_info,
    )

    chosen = CppTorchDeviceOptions(**options, precompiling=True)
    version = get_compiler_version_info(chosen.get_compiler())
    line = CppBuilder("name", "source", chosen).get_command_line()
    installed = Path(torch.__file__).stat().st_mtime_ns
    text = f"{_INCLUDED} {torch.__version__} {installed} {version} {line}"
    name = hashlib.sha256(text.encode()).hexdigest()

    source = Path(codecache._HEADER_DIR, f"zoo-{name}.h")
    builder = CppBuilder(f"{source}.part", str(source), chosen)
    made = Path(builder.get_target_file_path())
    compiled = source.with_name(source.name + made.suffix)

    return _Headers(source, compiled, builder.get_command_line(), made)


def _if_compiled(header: str, line: str, **options: Any) -> str | None:
    """Return the file that includes all headers, if they are compiled for these options."""
    if header != _WRAPPER:
        return None

    options.pop("extra_flags", None)  # of the linker
    headers = _headers(**options)

    return str(headers.source) if headers.compiled.is_file() else None


def _begin(headers: _Headers) -> None:
    """Begin to compile headers on another core, if no process has."""
    one_core = len(os.sched_getaffinity(0)) == 1
    if one_core or headers.compiled.is_file() or not _is_first(headers):
        return

    includes = "".join(f"#include <{header}>\n" for header in _INCLUDED)
    headers.source.write_text(includes)
    done = shlex.join(["mv", str(headers.made), str(headers.compiled)])
    _start(f"nice {headers.command} && {done}")


def _start(command: str) -> None:
    """Run a command in a process that goes on when this one is interrupted."""
    process = subprocess.Popen(
        ["sh", "-c", command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    _processes.append(process)


def _is_first(headers: _Headers) -> bool:
    """Return whether no other process compiles the headers, and let no other begin."""
    mark = headers.source.with_suffix(".begun")
    mark.parent.mkdir(parents=True, exist_ok=True)
    if mark.is_file() and time.time() - mark.stat().st_mtime > _ABANDONED:
        mark.unlink(missing_ok=True)

    try:
        mark.touch(exist_ok=False)
    except FileExistsError:
        return False

    return True
