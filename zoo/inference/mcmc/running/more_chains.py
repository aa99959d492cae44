"""More chains than the file of a run has: its chains are kept, and new ones have a new file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import torch

from zoo.inference.run_files import read_run
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.info import MCMCInfo
from zoo.posterior.posterior import Posterior


def divide_chains(path: Path, num_chains: int) -> list[tuple[Path, int]]:
    """Return the files of a run and the number of chains of each, the last file a new one.

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
        files.append((file, size))

        done += size
        file = path.with_name(f"{path.stem}.chains-{done + 1}{path.suffix}")

    return files


def run_in_turn(
    files: list[tuple[Path, int]], run: Callable[[Path, int], DrawsPosterior]
) -> DrawsPosterior:
    """Run the chains of each file in turn, and put them side by side.

    Arguments:
        files: The files and the number of chains of each, from `divide_chains`.
        run: Runs so many chains with a file.
    """
    posteriors: list[DrawsPosterior] = []
    for path, num_chains in files:
        if posteriors and not path.is_file():
            new_seed = int(torch.randint(2**62, ()))
            torch.manual_seed(new_seed)  # other numbers than the first chains had

        posterior = run(path, num_chains)
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
