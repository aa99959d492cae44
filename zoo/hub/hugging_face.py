"""Repositories of Hugging Face as hubs of one entry; the library is optional."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*")
_FILES = ["index.json", "posterior.safetensors", "build.json", "README.md", "*.png"]


def is_repository(name: str) -> bool:
    """Return whether a name is OWNER/NAME, as repositories have."""
    is_pair = isinstance(name, str) and _REPOSITORY.fullmatch(name) is not None
    return is_pair and ".." not in name


def downloaded(name: str, revision: str | None = None) -> Path:
    """Return the folder into which Hugging Face's library has put a repository's files.

    Only the files of an entry are taken, so that no code comes with them.

    Arguments:
        name: OWNER/NAME.
        revision: A commit, a tag or a branch; by default the newest.

    Raises:
        ImportError: huggingface_hub is not installed.
    """
    library = _library(f"zoo.hub.load({name!r})")
    folder = library.snapshot_download(
        repo_id=name, revision=revision, allow_patterns=_FILES
    )

    return Path(folder)


def uploaded(folder: Path, name: str, private: bool) -> str:
    """Put the files of an entry into a repository, which is made if there is none.

    Arguments:
        folder: A folder with the files of the entry and their index.
        name: OWNER/NAME.
        private: Whether only its owner sees a new repository.

    Returns:
        The address of the commit.

    Raises:
        ImportError: huggingface_hub is not installed.
    """
    library = _library(f"zoo.hub.push(posterior, {name!r})")
    api = library.HfApi()
    api.create_repo(repo_id=name, private=private, exist_ok=True)
    commit = api.upload_folder(
        repo_id=name,
        folder_path=str(folder),
        allow_patterns=_FILES,
        commit_message="Push a posterior of the zoo",
    )

    return str(commit)


def _library(call: str) -> ModuleType:
    """Import huggingface_hub, or say how to get it."""
    try:
        import huggingface_hub
    except ImportError as error:
        raise ImportError(
            f"{call} needs huggingface_hub: pip install 'bnn-zoo[hub]'; or give path=FOLDER, a "
            "folder that is a hub"
        ) from error

    return huggingface_hub
