"""The file of a run that can be resumed: what it is of, its tensors, the random generators."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from torch import Tensor

from zoo.posterior.storage import read_file

SHARE = 0.05  # of a run's time that writing may take


def read_run(
    path: Path, meaning: dict[str, str], kind: str
) -> tuple[dict, dict[str, Tensor]]:
    """Return header and tensors of a run's file, empty where there is none yet; refuse the file of another run.

    Arguments:
        path: The file.
        meaning: What the run is of, as the header must say too.
        kind: Whose checkpoint it is, in words.

    Raises:
        FileNotFoundError: There is no folder for the file.
        ValueError: The file is truncated, foreign, or of another run; the sentence says which.
    """
    if not path.is_file():
        if not path.parent.is_dir():
            raise FileNotFoundError(
                f"there is no folder {path.parent} to write the checkpoint {path.name} to"
            )
        return {}, {}
    try:
        header, tensors = read_file(path, "run")
    except ValueError as error:
        raise ValueError(f"checkpoint {error}; delete it to begin anew") from error
    if "meaning" not in header:
        raise ValueError(
            f"{path} is a safetensors file, but no checkpoint of {kind}; give another path"
        )
    given = header["meaning"]
    odd = [
        name
        for name in meaning.keys() | given.keys()
        if given.get(name) != meaning.get(name)
    ]
    if odd:
        parts = (
            f"{n} (then {given.get(n, 'none')}, now {meaning.get(n, 'none')})"
            for n in sorted(odd)
        )
        raise ValueError(
            f"checkpoint {path} is of another run: they differ in {', '.join(parts)}; delete it, or give another path"
        )
    return header, tensors


def random_state(like: Tensor) -> dict[str, Tensor]:
    """Return the state of the random generators by the names that a file has for them."""
    state = {"rng": torch.get_rng_state()}
    return state | (
        {"rng_cuda": torch.cuda.get_rng_state(like.device)} if like.is_cuda else {}
    )


def set_random_state(tensors: dict[str, Tensor], like: Tensor) -> None:
    """Put the random generators into the state that a file holds."""
    torch.set_rng_state(tensors["rng"])
    if "rng_cuda" in tensors:
        torch.cuda.set_rng_state(tensors["rng_cuda"], like.device)


def is_plain(value: object) -> bool:
    """Tell whether a setting is a number, a word or nothing."""
    return value is None or isinstance(value, (bool, int, float, str, torch.dtype))


def digest(tensors: list[Tensor]) -> str:
    """Return a short hash of tensors' shapes and values."""
    found = hashlib.sha256()
    for tensor in tensors:
        found.update(f"{tuple(tensor.shape)} {tensor.dtype}".encode())
        found.update(
            tensor.detach()
            .cpu()
            .contiguous()
            .flatten()
            .view(torch.uint8)
            .numpy()
            .tobytes()
        )
    return found.hexdigest()[:16]
