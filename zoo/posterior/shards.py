"""Draws in the shards of a folder: appended during a run, read one shard at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from zoo.model import BayesianNetwork
from zoo.posterior.contents import Contents
from zoo.posterior.damaged_file import DamagedFile
from zoo.posterior.storage import read_file, read_part, unprefixed, write_file

ABOUT = "posterior.safetensors"  # model and constant tensors, as a posterior's file has them
STATE = "state.safetensors"  # what the run needs to go on
PROGRESS = "progress.json"
DRAWS, INFO = "draws/", "info/"  # prefixes of names in a shard
_KEY = "shard"
_STEM = "draws-"


def shard_files(folder: Path) -> dict[int, Path]:
    """Return the shards of a folder by the number of their first draw, in order."""
    found = {}
    for path in sorted(folder.glob(f"{_STEM}*.safetensors")):
        number = path.stem.removeprefix(_STEM)
        if number.isdecimal():
            found[int(number)] = path

    return found


def write_shard(folder: Path, first: int, tensors: Mapping[str, Tensor]) -> None:
    """Write consecutive draws of all chains, (C, S, ...) each, and replace the shard there.

    Arguments:
        folder: The folder.
        first: Number of the first of the draws of a chain.
        tensors: Draws and their statistics, under names with the prefixes of a shard.

    Raises:
        OSError: The shard cannot be written.
    """
    num_chains, num_draws = next(iter(tensors.values())).shape[:2]
    header = f'{{"num_chains": {num_chains}, "num_draws": {num_draws}}}'
    path = folder / f"{_STEM}{first:012d}.safetensors"
    write_file(path, tensors, {_KEY: header})


def read_shard(path: Path) -> dict[str, Tensor]:
    """Read the draws of a shard and their statistics, on the CPU."""
    _, tensors = read_file(path, _KEY)
    return tensors


class Shards:
    """The draws in a folder, those that are there now; none of them are kept in memory.

    Arguments:
        folder: The folder.
        model: The model that they are of.
        stop: Number of draws of each chain to read; all by default.

    Raises:
        ValueError: There are no draws yet.
        DamagedFile: A shard is damaged.
    """

    def __init__(
        self, folder: Path, model: BayesianNetwork, stop: int | None = None
    ) -> None:
        self.folder = folder
        self.model = model
        self._files = shard_files(folder)
        if not self._files:
            raise ValueError(
                f"{folder} has no draws yet; wait until the warm-up of its run has ended"
            )

        last = max(self._files)
        header, _ = read_part(self._files[last], _KEY, prefix=None)
        if not isinstance(header.get("num_draws"), int):
            raise DamagedFile(f"{self._files[last]} is no shard of draws; remove it")

        self.num_chains = int(header["num_chains"])
        self.length = last + header["num_draws"]
        if stop is not None:
            self.length = min(self.length, stop)

    def chunks(self, positions: Tensor) -> Iterator[tuple[Tensor, dict[str, Tensor]]]:
        """Yield the draws of every site at positions, those of one shard at a time.

        Arguments:
            positions: Which draws, (S,), if all chains stand one after the other.

        Yields:
            The indices (K,) of the positions in this shard, and its draws (K, *shape) there.
        """
        chain, number = positions // self.length, positions % self.length
        for first, stop, path in self._ranges():
            (rows,) = torch.where((first <= number) & (number < stop))
            if len(rows) == 0:
                continue

            draws = self._draws(path, stop - first)
            at = (chain[rows], number[rows] - first)
            yield rows, {name: value[at] for name, value in draws.items()}

    def site(self, name: str) -> Tensor:
        """Return all draws of one site, (C, S, *shape)."""
        parts = []
        for first, stop, path in self._ranges():
            draws = self._draws(path, stop - first)
            parts.append(draws[name][:, : stop - first])

        return torch.cat(parts, 1)

    def statistics(self) -> dict[str, Tensor]:
        """Return the statistics of all draws by name, (C, S) each, on the CPU."""
        parts: dict[str, list[Tensor]] = {}
        for first, stop, path in self._ranges():
            _, tensors = read_part(path, _KEY, INFO)
            for name, value in unprefixed(INFO, tensors).items():
                _check_length(path, value, stop - first)
                parts.setdefault(name, []).append(value[:, : stop - first])

        return {name: torch.cat(values, 1) for name, values in parts.items()}

    def _ranges(self) -> Iterator[tuple[int, int, Path]]:
        """Yield where each shard begins and ends, and its file."""
        firsts = [first for first in self._files if first < self.length]
        for first, stop in zip(firsts, [*firsts[1:], self.length], strict=True):
            yield first, stop, self._files[first]

    def _draws(self, path: Path, number: int) -> dict[str, Tensor]:
        """Return the draws of a shard, checked, on the device of the model."""
        tensors = {}
        for name, value in read_shard(path).items():
            if name.startswith(DRAWS):
                tensors[name] = value

        draws = Contents(path, tensors, self.model).draws()
        _check_length(path, next(iter(draws.values())), number)
        return draws


def _check_length(path: Path, draws: Tensor, number: int) -> None:
    """Refuse a shard that has fewer draws (C, S, ...) than lie before the next one."""
    length = draws.shape[1]
    if length < number:
        raise DamagedFile(
            f"{path} has {length} draws of each chain, but the next shard begins after "
            f"{number}; load the folder again, or restore the shard that is missing"
        )
