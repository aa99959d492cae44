"""More chains than the file of a run has: its chains are kept, and new ones have a new file."""

from __future__ import annotations

from pathlib import Path

from zoo.inference.run_files import read_run


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


def _num_chains_in(path: Path) -> int:
    """Return the number of chains in the file of a run, 0 if there is no file."""
    header, _ = read_run(path, "a sampler")
    return int(header["meaning"]["num_chains"]) if header else 0
