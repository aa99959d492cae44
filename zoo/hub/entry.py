"""An entry of a hub: the folder of a posterior's file, its recipe and its card."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.hub.hugging_face import downloaded, is_repository
from zoo.hub.index import (
    FORMAT,
    Fact,
    check_files,
    check_name,
    entries_in,
    read_index,
)

PACKAGED = Path(__file__).parent / "entries"
POSTERIOR = "posterior.safetensors"
RECIPE = "build.json"
CARD = "README.md"
PICTURE = "calibration.png"


@dataclass(frozen=True)
class Entry:
    """An entry that was found, with what the index says of its files.

    Arguments:
        name: Its name.
        folder: The hub's folder.
        prefix: What paths of its files begin with, such as "lenet5-mnist/".
        facts: The facts of its files by path.
    """

    name: str
    folder: Path
    prefix: str
    facts: dict[str, Fact]

    def checked(self, file: str) -> Path:
        """Return the path of a file, whose content is that of the index.

        Raises:
            ValueError: The index does not name it, or it is another one.
        """
        name = self.prefix + file
        if name not in self.facts:
            raise ValueError(
                f"the index of {self.folder} has no {name}; push the entry again"
            )

        check_files(self.folder, {name: self.facts[name]})
        return self.folder / name

    def recipe(self) -> dict[str, Any]:
        """Return what the entry says of its model, its guide and its scores.

        Raises:
            ValueError: A damaged file, or one of another format.
        """
        path = self.checked(RECIPE)
        try:
            text = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path} is damaged ({error}); get it again") from error

        if not isinstance(text, dict) or text.get("format") != FORMAT:
            raise ValueError(
                f"{path} has another format than {FORMAT}; install a newer zoo"
            )

        return text


def find_entry(
    name: str, path: str | Path | None = None, revision: str | None = None
) -> Entry:
    """Return the entry of a name.

    Arguments:
        name: Its name; or OWNER/NAME, a repository of Hugging Face.
        path: The hub's folder; by default that of the package.
        revision: A commit, a tag or a branch of the repository.

    Raises:
        FileNotFoundError: The folder is no hub.
        ValueError: The folder has no entry of this name; a repository together with a path.
        ImportError: huggingface_hub is not installed.
    """
    if path is None and is_repository(name):
        folder = downloaded(name, revision)
        return Entry(name, folder, "", read_index(folder))

    check_name(name)
    folder = PACKAGED if path is None else Path(path)
    facts = read_index(folder)
    prefix = f"{name}/"
    own = {file: fact for file, fact in facts.items() if file.startswith(prefix)}
    if not own:
        raise ValueError(_unknown(name, folder, entries_in(facts)))

    return Entry(name, folder, prefix, own)


def _unknown(name: str, folder: Path, names: list[str]) -> str:
    """Return the message about a name that a hub does not have."""
    where = "the package" if folder == PACKAGED else str(folder)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.3) or names
    listed = ", ".join(near) or "none"

    return f"there is no entry {name!r} in {where}; write one of: {listed}"
