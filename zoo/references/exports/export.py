"""The export of a reference to files that other programs read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from zoo.references.exports.csv_files import write_csv
from zoo.references.exports.posteriordb import write_posteriordb
from zoo.references.loading import load
from zoo.references.problem import Problem
from zoo.references.reference import Reference
from zoo.runtime.files.output_path import check_output_folder


def export(
    reference: str | Callable[[], Problem] | Problem | Reference,
    folder: str | Path,
    format: str = "csv",
) -> list[Path]:
    """Write a reference to files for R, Julia and other programs, and return their paths.

    "csv" writes tables of draws, inputs and data. "posteriordb" writes data, model and
    draws as in the repository stan-dev/posteriordb, so that its packages for R, Julia and
    Python read the folder as a local database; several references may have one folder.
    "netcdf" writes what `Reference.to_arviz` returns, which ArviZ reads.

    References:
        posteriordb: Testing, Benchmarking and Developing Bayesian Inference Algorithms
        (Magnusson, Torgander, Bürkner, Zhang, Carpenter, Vehtari, 2024)

    Arguments:
        reference: A reference, or its name or problem as in `references.load`.
        folder: The folder, made if it does not exist.
        format: "csv", "posteriordb" or "netcdf".

    Raises:
        ValueError: Another format, or a folder that cannot be written to.

    Example:
        >>> import tempfile
        >>> from zoo import references
        >>> paths = references.export("linear", tempfile.mkdtemp(), "posteriordb")
        >>> paths[0].name
        'linear.json.zip'
    """
    if format not in _WRITERS:
        known = ", ".join(repr(name) for name in _WRITERS)
        raise ValueError(f"format must be one of {known}, not {format!r}")

    known_reference = reference if isinstance(reference, Reference) else load(reference)
    path = check_output_folder(folder, "folder")
    return _WRITERS[format](known_reference, path)


def _write_netcdf(reference: Reference, folder: Path) -> list[Path]:
    """Write function values and noise for ArviZ."""
    path = folder / f"{reference.name}.nc"
    reference.posterior.to_netcdf(path, x=reference.inputs)
    return [path]


_WRITERS: Mapping[str, Callable[[Reference, Path], list[Path]]] = {
    "csv": write_csv,
    "posteriordb": write_posteriordb,
    "netcdf": _write_netcdf,
}
