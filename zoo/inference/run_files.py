"""The file of a run that can be resumed: what the run is, and its tensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor

from zoo.inference.fingerprint import differences
from zoo.posterior.damaged_file import DamagedFile
from zoo.posterior.storage import read_file

SHARE = 0.05  # largest share of the run time that is spent on writing the file
FORMAT_NAME = "format"
FORMAT = "4"  # changes when the names in the files of runs change
_MOST_NAMED = 6  # differences between two runs in an error message


def read_run(path: Path, kind: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the header and the tensors of the file of a run, both empty if there is no file.

    Arguments:
        path: The file.
        kind: The engine that writes such files, for the error message.

    Raises:
        FileNotFoundError: The folder of the file does not exist.
        ValueError: The file is damaged or is not a checkpoint; the message says which.
    """
    if not path.is_file():
        if not path.parent.is_dir():
            raise FileNotFoundError(
                f"there is no folder {path.parent} for the checkpoint {path.name}; create it, or "
                "give another path"
            )
        return {}, {}

    try:
        header, tensors = read_file(path, "run")
    except ValueError as error:
        kind_of_error = type(error)
        raise kind_of_error(f"checkpoint {error}; delete it to start again") from error

    if "meaning" not in header:
        raise ValueError(
            f"{path} is a safetensors file, but not a checkpoint of {kind}; give another path"
        )

    return header, tensors


def check_same_run(path: Path, then: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Refuse the file of another run, and name in what it differs.

    Arguments:
        path: The file.
        then: What the run in the file is, as text by name.
        now: What the present run is.

    Raises:
        ValueError: They differ.
    """
    found = differences(then, now)
    if then.get(FORMAT_NAME) != now.get(FORMAT_NAME):
        found = found[:1]  # what other versions wrote has other names

    if not found:
        return

    seed = ""
    if all("start of " in difference.partition(" (")[0] for difference in found):
        seed = "set the seed before the network and the guide are built, or "

    raise ValueError(
        f"checkpoint {path} is of another run: they differ in {listed(found)}; "
        f"{seed}delete it, or give another path"
    )


def listed(found: list[str]) -> str:
    """Return the first differences as a part of a sentence, and the number of the others."""
    words = ", ".join(found[:_MOST_NAMED])
    if len(found) > _MOST_NAMED:
        words += f" and {len(found) - _MOST_NAMED} more"

    return words


def damaged(path: Path, problem: str) -> DamagedFile:
    """Return the error of a checkpoint that does not hold what its run needs.

    Arguments:
        path: The file.
        problem: What is wrong with it.
    """
    return DamagedFile(
        f"checkpoint {path} is damaged: {problem}; delete it to start again"
    )


@contextmanager
def refused_if_damaged(path: Path) -> Iterator[None]:
    """Turn the errors of reading a state into the sentence of a damaged checkpoint."""
    try:
        yield
    except DamagedFile:
        raise
    except (LookupError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        first, *_ = str(error).splitlines() or [""]
        problem = f"it lacks a part of such a run ({type(error).__name__}: {first})"
        raise damaged(path, problem) from error
