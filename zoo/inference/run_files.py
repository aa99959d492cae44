"""The file of a run that can be resumed: its settings, its tensors and the random state."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo.posterior.storage import read_file

SHARE = 0.05  # largest share of the run time that is spent on writing the file


def read_run(
    path: Path, meaning: dict[str, str], kind: str
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the header and the tensors of the file of a run, both empty if there is no file.

    Arguments:
        path: The file.
        meaning: The settings, shapes and data of the present run, as words or hashes.
            The file must have the same.
        kind: The engine that writes such files, for the error message.

    Raises:
        FileNotFoundError: The folder of the file does not exist.
        ValueError: The file is damaged, is not a checkpoint, or belongs to another run;
            the message says which.
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

    _check_same_run(path, header["meaning"], meaning)
    return header, tensors


def _check_same_run(
    path: Path, in_file: dict[str, str], present: dict[str, str]
) -> None:
    differences = []
    for name in sorted(present.keys() | in_file.keys()):
        then = in_file.get(name, "none")
        now = present.get(name, "none")
        if then != now:
            differences.append(f"{name} (then {then}, now {now})")

    if differences:
        listed = ", ".join(differences)
        raise ValueError(
            f"checkpoint {path} is of another run: they differ in {listed}; delete it, or give "
            "another path"
        )


def random_state(like: Tensor) -> dict[str, Tensor]:
    """Return the state of the random generators, by the names that the file uses.

    Arguments:
        like: A tensor on the device of the run.
    """
    state = {"rng": torch.get_rng_state()}
    if like.is_cuda:
        state["rng_cuda"] = torch.cuda.get_rng_state(like.device)
    return state


def set_random_state(tensors: dict[str, Tensor], like: Tensor) -> None:
    """Set the random generators to the state that a file holds.

    Arguments:
        tensors: The tensors of the file.
        like: A tensor on the device of the run.
    """
    torch.set_rng_state(tensors["rng"])
    if "rng_cuda" in tensors:
        torch.cuda.set_rng_state(tensors["rng_cuda"], like.device)


def is_plain(value: object) -> bool:
    """Return whether a setting is None, a number, a string or a dtype."""
    return value is None or isinstance(value, (bool, int, float, str, torch.dtype))


def digest(tensors: list[Tensor]) -> str:
    """Return a short hash of the shapes, dtypes and values of tensors."""
    hashed = hashlib.sha256()
    for tensor in tensors:
        layout = f"{tuple(tensor.shape)} {tensor.dtype}"
        hashed.update(layout.encode())

        flat = tensor.detach().cpu().contiguous().flatten()
        as_bytes = flat.view(torch.uint8).numpy()
        hashed.update(as_bytes.tobytes())
    return hashed.hexdigest()[:16]
