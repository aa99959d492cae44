"""The folder in which torch's compiler keeps its programs, which no run depends on."""

from __future__ import annotations

import atexit
import getpass
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from zoo.runtime.caller import stack_level

Result = TypeVar("Result")
_NOT_KEPT = "compiled programs are not kept for the next process"
VARIABLE = "TORCHINDUCTOR_CACHE_DIR"
_temporary: list[str] = []  # the folder of this process, if it needs one


def cache_folder() -> Path:
    """Return the folder in which torch's compiler keeps programs for the next process.

    It is `TORCHINDUCTOR_CACHE_DIR`, or a folder of the user's in that of temporary files.
    It can be deleted at any time.
    """
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named).absolute()

    return Path(tempfile.gettempdir(), f"torchinductor_{getpass.getuser()}")


def use_writable_folder() -> None:
    """Use a temporary folder from now on if the compiler's cannot be written to, with a warning.

    Importing the compiler fails where its folder cannot be made, so this comes first.
    """
    folder = cache_folder()
    if _is_writable(folder):
        return

    _use_temporary_folder()
    warnings.warn(
        f"the compiler's folder {folder} cannot be written to; set {VARIABLE} to a folder "
        f"that can; {_NOT_KEPT}",
        stacklevel=stack_level(),
    )


def despite_damage(compile: Callable[[], Result]) -> Result:
    """Compile with the compiler's folder, or with a temporary one if a file in it is damaged.

    Arguments:
        compile: Compiles a program.

    Raises:
        Exception: What `compile` raises, with a folder of its own as well.
    """
    folder = cache_folder()
    try:
        return compile()
    except Exception as error:
        if _is_temporary(folder) or not _is_of_a_file(error):
            raise

        kept = os.environ.get(VARIABLE)
        _use_temporary_folder()
        try:
            result = compile()
        except Exception:  # of the program or the compiler: the folder is not to blame
            _use(kept)
            raise

        warnings.warn(
            f"the compiler's folder {folder} has a damaged file; delete it; {_NOT_KEPT}",
            stacklevel=stack_level(),
        )

        return result


def _is_of_a_file(error: Exception) -> bool:
    """Return whether an error of the compiler says that a file cannot be read or loaded."""
    inner = getattr(error, "inner_exception", error)

    return isinstance(inner, (OSError, ImportError, EOFError))


def _is_writable(folder: Path) -> bool:
    """Return whether files can be made in a folder, which is made if it is not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _is_temporary(folder: Path) -> bool:
    return bool(_temporary) and folder == Path(_temporary[0])


def _use_temporary_folder() -> None:
    """Use a folder that is deleted at the end of this process."""
    if not _temporary:
        folder = tempfile.mkdtemp(prefix="zoo-compiled-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        _temporary.append(folder)

    _use(_temporary[0])


def _use(folder: str | None) -> None:
    """Use a folder from now on, None for the default, and forget what is of another one."""
    if folder is None:
        os.environ.pop(VARIABLE, None)
    else:
        os.environ[VARIABLE] = folder

    from torch._inductor.utils import clear_caches

    clear_caches()
