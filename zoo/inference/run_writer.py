"""Writing the file of a run: by one process at a time, and without harm to the run."""

from __future__ import annotations

import contextlib
import json
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from zoo.posterior.storage import write_file
from zoo.runtime.caller import stack_level
from zoo.runtime.files.lock import only_one
from zoo.runtime.files.output_path import check_output_path


@contextlib.contextmanager
def claimed(
    checkpoint: str | Path | None, is_writer: bool = True
) -> Iterator[Path | None]:
    """Check that a checkpoint can be written, and let no other process write it meanwhile.

    Yields its path, None for a run without one.

    Arguments:
        checkpoint: The file; None for a run without one.
        is_writer: Whether this process writes it, of those that share a run.

    Raises:
        FileNotFoundError: The folder of the file does not exist.
        ValueError: The file cannot be written, or another process writes it.
    """
    if checkpoint is None:
        yield None
        return

    if not is_writer:
        yield Path(checkpoint)
        return

    path = check_output_path(checkpoint, "checkpoint")
    with only_one(path, "checkpoint"):
        yield path


class RunWriter:
    """Writes the file of a run; if that fails, the run goes on and a warning says so once.

    Arguments:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._has_warned = False

    def write(self, tensors: Mapping[str, Tensor], content: Mapping[str, Any]) -> bool:
        """Write the file, and return whether it was written; if not, it is as it was.

        Arguments:
            tensors: Tensors by name.
            content: What the header holds, as JSON takes it.
        """
        try:
            write_file(self.path, tensors, {"run": json.dumps(content)})
        except Exception as error:  # a full disk, no memory: never worth the run
            if not self._has_warned:
                warnings.warn(
                    f"the checkpoint is not written: {error}; the run goes on in memory and "
                    "tries again, at the latest when it ends",
                    stacklevel=stack_level(),
                )
            self._has_warned = True
            return False

        return True
