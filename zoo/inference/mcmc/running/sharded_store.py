"""The store of a long run: draws go to shards in a folder, and memory holds the last of them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.kernels.draws import TransitionInfo
from zoo.inference.mcmc.running.store import DRAW, INFO, Store, StoreOptions
from zoo.posterior.damaged_file import DamagedFile
from zoo.posterior.shards import DRAWS, read_shard, shard_files, write_shard
from zoo.posterior.shards import INFO as INFO_OF_SHARD
from zoo.posterior.storage import unprefixed
from zoo.runtime.caller import stack_level

SHARD = 2**24  # bytes, from which on a shard is complete
_PREFIXES = {DRAW: DRAWS, INFO: INFO_OF_SHARD}


def make_store(options: StoreOptions, potential: Potential) -> Store:
    """Return the store of a run: in memory, or in the folder of its options.

    Arguments:
        options: What to store, and where.
        potential: Turns positions into values of the sites.
    """
    if options.folder is None:
        return Store(options, potential)

    return ShardedStore(options, potential, options.folder)


class ShardedStore(Store):
    """Stored draws in a folder: complete shards, and one that is written again as it grows.

    The file of the run says how many draws there are. What shards hold beyond that is of a
    run that was killed before it could say so, and is drawn again.

    Arguments:
        options: What to store, and the folder.
        potential: Turns positions into values of the sites.
        folder: The folder.
    """

    def __init__(
        self, options: StoreOptions, potential: Potential, folder: Path
    ) -> None:
        super().__init__(options, potential)
        self.folder = folder
        self._first = 0  # number of the first draw in memory
        self._has_warned = False

    def _drop_draws(self) -> None:
        """Begin a new shard if the one in memory is complete."""
        size = 0
        for part in self._parts:
            size += sum(value.nbytes for value in part.values())

        if size >= SHARD and self.flush():
            self._parts = []
            self._first = self.count

    def flush(self) -> bool:
        """Write the draws in memory to their shard, and return whether that succeeded."""
        tensors = _renamed(self.stored(), _PREFIXES)
        if not tensors:
            return True

        try:
            write_shard(self.folder, self._first, tensors)
        except Exception as error:  # a full disk, no memory: never worth the run
            if not self._has_warned:
                warnings.warn(
                    f"draws are not written: {error}; the run goes on in memory and tries "
                    "again, at the latest when it ends",
                    stacklevel=stack_level(),
                )
            self._has_warned = True
            return False

        return True

    def saved(self) -> Mapping[str, Tensor]:
        """Return what the file of the run keeps of the draws: nothing, for shards have them."""
        return {}

    def restore(self, stored: Mapping[str, Tensor], thinning: int, seen: int) -> None:
        """Go on after the first draws of the shards, and remove what they hold beyond."""
        self.thinning = thinning
        self.seen = seen
        self.count = -(-seen // thinning)
        self._first = self.count
        self._parts = []

        files = shard_files(self.folder)
        for first in sorted(files, reverse=True):
            if first >= self.count:
                files.pop(first).unlink()

        if files:
            self._first = max(files)
            last = _renamed(read_shard(files[self._first]), _swapped(_PREFIXES))
            self._parts = [self._moved(self._until_count(last))]

    def _until_count(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the draws of the last shard up to the number of draws."""
        number = self.count - self._first
        length = next(iter(tensors.values())).shape[1]
        if length < number:
            raise DamagedFile(
                f"the shards in {self.folder} end after draw {self._first + length}, but its run "
                f"has made {self.count}; restore them, or give another folder"
            )

        return {name: value[:, :number] for name, value in tensors.items()}

    def keep_first(self, num_draws: int) -> None:
        """Use only the first draws of each chain; the shards keep all."""
        self.count = min(self.count, -(-num_draws // self.thinning))
        self.seen = min(self.seen, num_draws)

    def blocks(self) -> Iterator[tuple[dict[str, Tensor], TransitionInfo]]:
        """Yield the draws and their statistics, those of one shard at a time."""
        self.flush()
        for first, path in shard_files(self.folder).items():
            number = self.count - first
            if number <= 0:
                return

            tensors = {}
            for name, value in read_shard(path).items():
                tensors[name] = value[:, :number].to(self.device)

            draws = unprefixed(DRAWS, tensors)
            ordered = {name: draws[name] for name in self.potential.shapes}
            yield ordered, TransitionInfo(**unprefixed(INFO_OF_SHARD, tensors))

    def info(self) -> TransitionInfo:
        """Return the statistics of all draws, (C, S) each, on the CPU."""
        parts = [info.named() for _, info in self.blocks()]
        named = {}
        for name in parts[0]:
            named[name] = torch.cat([part[name] for part in parts], 1).cpu()

        return TransitionInfo(**named)

    def draws(self) -> dict[str, Tensor]:
        """Refuse: a posterior reads the shards."""
        raise NotImplementedError


def _renamed(
    tensors: Mapping[str, Tensor], prefixes: Mapping[str, str]
) -> dict[str, Tensor]:
    """Return tensors under names with other prefixes."""
    found = {}
    for old, new in prefixes.items():
        for name, value in unprefixed(old, tensors).items():
            found[new + name] = value

    return found


def _swapped(prefixes: Mapping[str, str]) -> dict[str, str]:
    return {new: old for old, new in prefixes.items()}
