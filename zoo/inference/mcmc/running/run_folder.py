"""The folder of a long run: its shards of draws, its state, what it is, its progress."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from zoo.model import BayesianNetwork
from zoo.posterior.file_format import write_posterior
from zoo.posterior.shards import ABOUT, PROGRESS, STATE, shard_files
from zoo.posterior.storage import prefixed
from zoo.runtime.files.lock import only_one
from zoo.runtime.files.output_path import check_output_folder
from zoo.runtime.programs import PyroProgram


@dataclass(frozen=True)
class RunFolder:
    """The folder of a run, whose memory does not grow with the number of draws.

    Arguments:
        path: The folder.
    """

    path: Path

    @classmethod
    def of(cls, checkpoint: str | Path | None) -> RunFolder | None:
        """Return the folder that a checkpoint is; None if it is a file, or if there is none.

        It is a folder if it is that of a run or empty, or if there is nothing and its name
        has no ending.
        """
        if not isinstance(checkpoint, (str, os.PathLike)):
            return None

        path = Path(checkpoint)
        try:
            is_folder = _is_of_run(path) if path.exists() else _may_be_made(path)
        except (OSError, ValueError):  # no path that there can be
            return None

        return cls(path) if is_folder else None

    @property
    def state(self) -> Path:
        """The file from which the run goes on."""
        return self.path / STATE

    @property
    def progress(self) -> Path:
        """The file that says how far the run is."""
        return self.path / PROGRESS

    @contextlib.contextmanager
    def claimed(self) -> Iterator[None]:
        """Make the folder, and let no other process write to it meanwhile.

        Raises:
            ValueError: It cannot be written, another process writes to it, or it has
                draws without the state of their run.
        """
        check_output_folder(self.path, "checkpoint")
        with only_one(self.state, "checkpoint"):
            if shard_files(self.path) and not self.state.is_file():
                raise ValueError(
                    f"{self.path} has draws, but no {STATE}, the state of their run; give "
                    "another folder, or remove the draws"
                )
            yield

    def takes(
        self,
        model: BayesianNetwork | PyroProgram,
        max_draws: int | None,
        functions_at: object,
        ranks: object = None,
    ) -> bool:
        """Return whether a run can have this folder; otherwise its name is that of a file.

        Raises:
            ValueError: Several processes share the chains; or the folder exists, and the
                model has no network, or the run has `max_draws` or `functions_at`.
        """
        file = f"write checkpoint='{self.path}.safetensors', one file"
        if ranks is not None:
            raise ValueError(
                f"the folder {self.path} takes the draws of one process, not of several that "
                f"share the chains; {file}"
            )

        refused = self._refused(model, max_draws, functions_at)
        if refused and self.path.exists():
            raise ValueError(f"{refused}; {file}")

        return not refused

    def _refused(
        self,
        model: BayesianNetwork | PyroProgram,
        max_draws: int | None,
        functions_at: object,
    ) -> str:
        """Return why a run cannot have this folder, "" if it can."""
        if not isinstance(model, BayesianNetwork):
            return (
                f"the folder {self.path} takes the draws of a zoo.BayesianNetwork, not of "
                "another Pyro program"
            )

        if max_draws is not None or functions_at is not None:
            name = "functions_at" if max_draws is None else "max_draws"
            return (
                f"the folder {self.path} keeps the weights of all draws, without {name}"
            )

        return ""

    def describe(self, model: BayesianNetwork, state: Mapping[str, Tensor]) -> None:
        """Write what a reader needs besides draws: the model, frozen weights and buffers.

        Arguments:
            model: The model.
            state: Frozen weights and buffers by name.

        Raises:
            OSError: The folder cannot be written.
        """
        shapes = {name: prior.shape() for name, prior in model.latents.items()}
        tensors = prefixed("state/", state)
        write_posterior(self.path / ABOUT, model, shapes, None, None, tensors)


def _is_of_run(path: Path) -> bool:
    """Return whether something is the folder of a run, or an empty folder."""
    if not path.is_dir():
        return False

    names = [each.name for each in path.iterdir() if not each.name.startswith(".")]
    return not names or ABOUT in names or STATE in names or bool(shard_files(path))


def _may_be_made(path: Path) -> bool:
    """Return whether a path that does not exist is meant to be a folder."""
    return not path.suffix and path.parent.is_dir()
