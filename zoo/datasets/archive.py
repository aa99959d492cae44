"""Numpy archives in a folder of the user's, or the sentence that says what should lie there."""

from pathlib import Path
from zipfile import BadZipFile

import numpy as np


def arrays(path: Path, names: tuple[str, ...], source: str) -> list[np.ndarray]:
    """Read arrays from an .npz file by their names.

    Arguments:
        path: The file.
        names: What the arrays are called in it.
        source: Where to get the file, for the sentence of the error.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"the folder {str(path.parent)!r} does not hold {path.name}; {source}"
        )
    try:
        with np.load(path, allow_pickle=False) as archive:
            return [archive[name] for name in names]
    except (BadZipFile, EOFError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{str(path)!r} is no archive of the arrays {', '.join(names)}; {source}"
        ) from error
