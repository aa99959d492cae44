"""The index of a hub: the size and the sha256 of every file, which a load compares."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from zoo.runtime.files.atomic import write_text
from zoo.runtime.files.lock import only_one

INDEX = "index.json"
FORMAT = "zoo.hub/1"
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Fact(NamedTuple):
    """What an index says of a file: its size in bytes, and its sha256."""

    size: int
    sha256: str


def check_name(name: str) -> str:
    """Return the name of an entry, or refuse one that is not a plain name of a folder.

    Raises:
        ValueError: A name with a slash, with two dots, or with another special character.
    """
    if isinstance(name, str) and _PART.fullmatch(name) and ".." not in name:
        return name

    raise ValueError(
        f"{name!r} is no name of an entry; write letters, digits, dots and dashes, such as "
        "'lenet5-mnist', or OWNER/NAME for a repository of Hugging Face"
    )


def read_index(folder: Path) -> dict[str, Fact]:
    """Return the facts of all files in a hub's folder, by path in it.

    Raises:
        FileNotFoundError: The folder has no index.
        ValueError: An index that is damaged, or that names a file outside of its folder.
    """
    path = folder / INDEX
    if not path.is_file():
        raise FileNotFoundError(
            f"{folder} is no hub: it has no {INDEX}; zoo.hub.push(posterior, name, path) makes it"
        )

    try:
        text = json.loads(path.read_text(encoding="utf-8"))
        files = text["files"]
        is_known = text["format"] == FORMAT
        facts = {name: _fact(fact) for name, fact in files.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"{path} is damaged: {error!r}; push the entries again"
        ) from error

    if not is_known:
        raise ValueError(
            f"{path} has another format than {FORMAT}; install a newer zoo"
        )

    for name in facts:
        _check_path(path, name)

    return facts


def entries_in(facts: Mapping[str, Fact]) -> list[str]:
    """Return the names of the entries that an index has files of, sorted."""
    names = {name.partition("/")[0] for name in facts if "/" in name}
    return sorted(names)


def fact_of(path: Path) -> Fact:
    """Return size and sha256 of a file."""
    content = path.read_bytes()
    return Fact(len(content), hashlib.sha256(content).hexdigest())


def check_files(folder: Path, facts: Mapping[str, Fact]) -> None:
    """Compare files with what the index says of them.

    Arguments:
        folder: The hub's folder.
        facts: Facts by path in the folder.

    Raises:
        ValueError: A file is missing, or another one; the message says which and how.
    """
    different = []
    for name, fact in facts.items():
        path = folder / name
        if not path.is_file():
            different.append(f"{name} is missing")
            continue

        found = fact_of(path)
        if found.size != fact.size:
            different.append(f"{name} has {found.size} bytes, not {fact.size}")
        elif found.sha256 != fact.sha256:
            different.append(
                f"{name} has sha256 {found.sha256[:12]}..., not {fact.sha256[:12]}..."
            )

    if different:
        raise ValueError(
            f"files of {folder} are not those of its index: {'; '.join(different)}; get them again"
        )


def write_index(folder: Path, names: list[str], entry: str) -> None:
    """Write the facts of an entry's files to the index, in the place of its earlier ones.

    Arguments:
        folder: The hub's folder.
        names: Paths of the files in it.
        entry: The beginning of the paths of earlier files, "" for all.
    """
    path = folder / INDEX
    with only_one(path, "index"):
        facts = read_index(folder) if path.is_file() else {}
        kept = {
            name: fact for name, fact in facts.items() if not name.startswith(entry)
        }
        new = {name: fact_of(folder / name) for name in names}

        files = {}
        for name, fact in sorted((kept | new).items()):
            files[name] = {"bytes": fact.size, "sha256": fact.sha256}

        text = json.dumps({"format": FORMAT, "files": files}, indent=2)
        write_text(path, text + "\n")


def _fact(text: Mapping[str, object]) -> Fact:
    size, digest = text["bytes"], text["sha256"]
    is_digest = isinstance(digest, str) and _DIGEST.fullmatch(digest)
    if not isinstance(size, int) or not is_digest:
        raise ValueError(f"{text!r} is no size and sha256")

    return Fact(size, str(digest))


def _check_path(path: Path, name: str) -> None:
    """Refuse the path of a file that is not in the folder of an entry."""
    parts = name.split("/")
    are_plain = all(_PART.fullmatch(part) and ".." not in part for part in parts)
    if not are_plain or len(parts) > 2:
        raise ValueError(
            f"{path} names the file {name!r}, which is not in the folder of an entry; do not "
            "use this hub"
        )
