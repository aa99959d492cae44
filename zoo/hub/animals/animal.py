"""An animal: a posterior of the package's hub, and the program that makes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zoo.datasets import Dataset
from zoo.posterior.posterior import Posterior


@dataclass(frozen=True, kw_only=True)
class Made:
    """What the program of an animal returns.

    Arguments:
        posterior: The fitted posterior.
        data: The data set, for the scores.
        engine: The engine that fitted it.
        story: What the card says besides, see `zoo.hub.facts.Story`.
        num_samples: Number of draws for the scores.
    """

    posterior: Posterior
    data: Dataset
    engine: object
    story: dict[str, Any] = field(default_factory=dict)
    num_samples: int = 100


Fit = Callable[
    [Path | None], Made
]  # takes the folder of data that are not in the package


def needed(path: Path | None, what: str, holding: str) -> Path:
    """Return the folder of data that are not in the package.

    Arguments:
        path: The folder that was given.
        what: The data, with their verb.
        holding: What the folder has to hold, as the end of a sentence.

    Raises:
        ValueError: No folder was given.
    """
    if path is None:
        raise ValueError(f"{what} not in the package; write --path FOLDER{holding}")

    return path


def data_folder(path: Path, name: str) -> Path:
    """Return the folder of a data set: its own, or the one that holds all."""
    own = path / name
    return own if own.is_dir() else path
