"""The folder of the fits of a run, so that a run that starts again does not repeat them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from zoo.experiments.running.side_files import read_json, write_json

_SETTINGS_FILE = "settings.json"


class FitFolder:
    """A folder with the files of fits, and the settings that the fits were made with.

    Arguments:
        path: The folder. It is made when the first file is needed.
        settings: What all fits in the folder must have in common, by name.
    """

    def __init__(self, path: Path, settings: Mapping[str, object]) -> None:
        self._path = path
        self._settings = dict(settings)
        self._settings_path = path / _SETTINGS_FILE

    def check(self) -> None:
        """Check that the fits in the folder were made with the same settings.

        Raises:
            ValueError: They were made with other settings, or nobody knows with which.
        """
        had_settings = self._settings_path.is_file()
        stored = read_json(self._settings_path)
        if stored is None and had_settings and any(self._path.glob("*.safetensors")):
            raise ValueError(
                f"{self._path} holds fits, but {_SETTINGS_FILE} beside them is damaged, so that "
                "their settings are not known; write another --out, or delete that folder"
            )

        if stored is not None and stored != self._settings:
            theirs = _describe(stored)
            ours = _describe(self._settings)
            raise ValueError(
                f"{self._path} holds fits with {theirs}, but this run has {ours}; write "
                "another --out, or delete that folder"
            )

    def file(self, name: str, suffix: str) -> Path:
        """Return the path of a file, and make the folder if it does not exist.

        Arguments:
            name: The name of a fit or of a prediction, with any characters.
            suffix: The suffix of the file, without a dot.
        """
        if not self._settings_path.is_file():
            self._path.mkdir(parents=True, exist_ok=True)
            write_json(self._settings_path, self._settings)

        stem = re.sub(r"[^A-Za-z0-9-]+", "_", name)

        return self._path / f"{stem}.{suffix}"


def _describe(settings: Mapping[str, object]) -> str:
    """Return settings as a part of a sentence."""
    parts = [f"{name} {value}" for name, value in settings.items()]
    return ", ".join(parts)
