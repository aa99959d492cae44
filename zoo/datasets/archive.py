"""Numpy archives in a folder of the user."""

from pathlib import Path
from zipfile import BadZipFile

import numpy as np


def load_arrays(path: Path, names: tuple[str, ...], source: str) -> list[np.ndarray]:
    """Read arrays from an .npz file by their names.

    Arguments:
        path: The file.
        names: Names of the arrays in it.
        source: Where to get the file, for the error message.

    Raises:
        FileNotFoundError: The file is missing.
        ValueError: The file is not an archive of these arrays.
    """
    if not path.is_file():
        folder = str(path.parent)
        raise FileNotFoundError(
            f"the folder {folder!r} has no file {path.name}; {source}"
        )

    try:
        with np.load(path, allow_pickle=False) as archive:
            return [archive[name] for name in names]
    except (BadZipFile, EOFError, KeyError, TypeError, ValueError) as error:
        wanted = ", ".join(names)
        raise ValueError(
            f"{str(path)!r} is not an archive of the arrays {wanted}; {source}"
        ) from error
