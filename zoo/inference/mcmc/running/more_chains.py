"""More chains than the file of a run has: its chains are kept, and new ones have a new file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, cast

import torch

from zoo.inference.run_files import read_run
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.info import MCMCInfo
from zoo.posterior.posterior import Posterior


class ChainGroup(NamedTuple):
    """Chains that advance together.

    Arguments:
        path: Their file, None for none.
        first: Number of the first of them among all chains, from 0.
        size: Number of chains.
    """

    path: Path | None
    first: int
    size: int


def divide_chains(path: Path, num_chains: int) -> list[ChainGroup]:
    """Return the chains of each file of a run, the last file a new one.

    The chains of one file adapt together, so a file never gets more of them. The first new
    chain is in the name of the next file: `run.chains-3.safetensors`.

    Arguments:
        path: The file of the first chains.
        num_chains: Number of all chains.
    """
    files = []
    file, done = path, 0
    while done < num_chains:
        left = num_chains - done
        size = min(_num_chains_in(file) or left, left)
        files.append(ChainGroup(file, done, size))

        done += size
        file = later_file(path, done)

    return files


def later_file(path: Path, num_before: int) -> Path:
    """Return the file of the chains after so many others.

    Arguments:
        path: The file of the first chains.
        num_before: Number of chains before them.
    """
    if num_before == 0:
        return path

    return path.with_name(f"{path.stem}.chains-{num_before + 1}{path.suffix}")


def run_in_turn(
    groups: Sequence[ChainGroup], run: Callable[[ChainGroup], DrawsPosterior]
) -> DrawsPosterior:
    """Run the chains of each group in turn, and put them side by side.

    Arguments:
        groups: The chains of each file, from `divide_chains`.
        run: Runs the chains of a group.
    """
    posteriors: list[DrawsPosterior] = []
    for group in groups:
        path = group.path
        if posteriors and path is not None and not path.is_file():
            new_seed = int(torch.randint(2**62, ()))
            torch.manual_seed(new_seed)  # other numbers than the first chains had

        posterior = run(group)
        info = cast(MCMCInfo, posterior.info)
        if posteriors and info.stopped:
            first = cast(MCMCInfo, posteriors[0].info)
            first.stopped = f"the chains of {path} were {info.stopped}"
            first.error = info.error
            return posteriors[0]

        posteriors.append(posterior)
        if info.stopped:
            break

    if len(posteriors) == 1:
        return posteriors[0]

    return cast(DrawsPosterior, Posterior.concat(posteriors))


def _num_chains_in(path: Path) -> int:
    """Return the number of chains in the file of a run, 0 if there is no file."""
    header, _ = read_run(path, "a sampler")
    return int(header["meaning"]["num_chains"]) if header else 0
