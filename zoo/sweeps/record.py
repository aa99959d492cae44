"""What is kept of one fit of a sweep, in a JSON file of its own."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from zoo.runtime.files.atomic import set_aside, write_text


@dataclass(frozen=True)
class Record:
    """The result of one cell with one seed.

    Arguments:
        key: A hash of all that decides about the result.
        labels: The label of the cell on every axis.
        seed: The seed.
        scores: Scores by name; empty if the fit failed.
        seconds: Wall time of the fit.
        memory: The largest resident set size of the process in megabytes; on a GPU the
            largest memory of the device. None where it is not known.
        error: Why the fit failed, in a sentence; "" if it did not.
        warnings: What the fit warned of.
        made: Machine and versions.
    """

    key: str
    labels: dict[str, str]
    seed: int
    scores: dict[str, float] = field(default_factory=dict)
    seconds: float | None = None
    memory: float | None = None
    error: str = ""
    warnings: list[str] = field(default_factory=list)
    made: dict[str, Any] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write the record to its file in a folder."""
        text = json.dumps(asdict(self), indent=2) + "\n"
        write_text(_path(folder, self.key), text)

    @classmethod
    def read(cls, folder: Path, key: str) -> Record | None:
        """Return the record of a key; None if the folder has none, or a damaged one."""
        path = _path(folder, key)
        if not path.is_file():
            return None

        try:
            return cls(**json.loads(path.read_text()))
        except (ValueError, TypeError) as error:
            set_aside(path, str(error))
            return None


def _path(folder: Path, key: str) -> Path:
    return folder / f"{key}.json"
