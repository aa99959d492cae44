"""The folder in which torch's compiler keeps its programs, which no run depends on."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from zoo.runtime.caller import stack_level

Result = TypeVar("Result")
_VARIABLE = "TORCHINDUCTOR_CACHE_DIR"
_temporary: list[tempfile.TemporaryDirectory] = []  # of this process, at most one


def cache_folder() -> Path:
    """Return the folder in which torch's compiler keeps programs for the next process.

    It is `TORCHINDUCTOR_CACHE_DIR`, or a folder of the user's in that of temporary files.
    It can be deleted at any time.
    """
    from torch._inductor.runtime.cache_dir_utils import default_cache_dir

    return Path(os.environ.get(_VARIABLE) or default_cache_dir()).absolute()


def with_usable_cache(compile: Callable[[], Result]) -> Result:
    """Compile with the compiler's folder, or with a temporary one where that does not work.

    It does not work if it cannot be written to, e.g. in a home that is read-only, or if a
    file in it is damaged, e.g. by a full disk.

    Arguments:
        compile: Compiles a program.

    Raises:
        Exception: What `compile` raises, with a folder of its own as well.
    """
    folder = cache_folder()
    if not is_writable(folder):
        _use_temporary_folder()
        _warn(f"cannot be written to; set {_VARIABLE} to a folder that can", folder)
        return compile()

    if _is_temporary(folder):
        return compile()

    try:
        return compile()
    except Exception as error:
        if not _is_of_a_file(error):
            raise

        kept = os.environ.get(_VARIABLE)
        _use_temporary_folder()
        try:
            result = compile()
        except Exception:  # of the program or the compiler: the folder is not to blame
            _use(kept)
            raise

        _warn("has a damaged file; delete it", folder)

        return result


def _is_of_a_file(error: Exception) -> bool:
    """Return whether an error of the compiler says that a file cannot be read or loaded."""
    inner = getattr(error, "inner_exception", error)

    return isinstance(inner, (OSError, ImportError, EOFError))


def is_writable(folder: Path) -> bool:
    """Return whether files can be made in a folder, which is made if it is not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _is_temporary(folder: Path) -> bool:
    return bool(_temporary) and folder == Path(_temporary[0].name)


def _use_temporary_folder() -> None:
    """Use a folder that is deleted at the end of this process."""
    if not _temporary:
        _temporary.append(tempfile.TemporaryDirectory(prefix="zoo-compiled-"))

    _use(_temporary[0].name)


def _use(folder: str | None) -> None:
    """Use a folder from now on, None for the default, and forget what is of another one."""
    from torch._inductor.utils import clear_caches

    if folder is None:
        os.environ.pop(_VARIABLE, None)
    else:
        os.environ[_VARIABLE] = folder

    clear_caches()


def _warn(reason: str, folder: Path) -> None:
    warnings.warn(
        f"the compiler's folder {folder} {reason}; compiled programs are not kept for the next "
        "process",
        stacklevel=stack_level(),
    )
